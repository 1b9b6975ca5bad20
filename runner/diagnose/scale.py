"""Hypotheses on size and sign: the gradient is the truth times something."""

from collections.abc import Iterator

import torch
from torch import Tensor

from runner.diagnose import factors, words
from runner.diagnose.evidence import MARGIN, Evidence, magnitude
from runner.diagnose.region import where


def factor(evidence: Evidence) -> str | None:
    """Off by one factor everywhere, named where it has a name."""
    g, t = evidence.gradient, evidence.truth
    if not magnitude(t) > MARGIN * evidence.tolerance:
        return None
    c = factors.fitted(g, t)
    if not c or not evidence.agree(g, c * t, c):
        return None
    constant = _constant(evidence, t)  # one number, of which many a fraction would be right
    named = factors.name(evidence, c, t, levels=1 if constant else 3)
    if constant:
        same = words.instead(evidence) if t.numel() == 1 else f"every element is {words.instead(evidence)}"
        return f"{same}: a factor of {named or factors.in_figures(c)}"
    if not named and not _proves_a_factor(evidence):
        return None
    if named and named.split()[0] == "-1":
        return f"the sign is wrong: the gradient is -1 times the truth{named[2:]}"
    return f"off by a factor of {named or f'{c:.9g}, which has no simple name'}"


def _constant(evidence: Evidence, tensor: Tensor) -> bool:
    low, high = torch.aminmax(tensor)
    return float(high - low) <= 2 * evidence.tolerance


def _proves_a_factor(evidence: Evidence) -> bool:
    """Tell whether a factor fits because it is one: numbers of two sizes, or zeros that stay zero."""
    sizes = evidence.truth.abs().flatten()
    large = sizes > MARGIN * evidence.tolerance
    if len(evidence.levels(sizes[large])) == 1:
        return bool((~large).any()) and int(large.sum()) > 2
    return evidence.certain(evidence.truth, free=1)


def upstream_left_out(evidence: Evidence) -> str | None:
    """Right once it is multiplied, or divided, by the upstream gradient or the input."""
    g, t = evidence.gradient, evidence.truth
    if not (evidence.certain(t[evidence.wrong]) and evidence.certain(g[evidence.wrong])):
        return None
    for name, tensor in spread(evidence):
        if _constant(evidence, tensor):
            continue
        for verb, found, right in (("multiplied", g * tensor, t), ("divided", g, t * tensor)):
            apart = factors.relation(evidence, found, right)
            if apart is not None:
                return f"{verb} by {name}, element by element, the gradient is right{apart}"
    return None


def spread(evidence: Evidence) -> Iterator[tuple[str, Tensor]]:
    """Yield input and upstream, by name, in the gradient's shape: what has one number a row is repeated."""
    if evidence.value is not None:
        yield "the input", evidence.value
    size, upstream = evidence.truth.shape, evidence.upstream
    if upstream is None or upstream.numel() < 2:
        return
    if upstream.shape == size[: upstream.ndim] and upstream.ndim < len(size):
        upstream = upstream.reshape(*upstream.shape, *(1,) * (len(size) - upstream.ndim))
    try:
        yield "the upstream gradient", upstream.expand(size)
    except RuntimeError:  # of a shape that says nothing about single elements
        return


def signs(evidence: Evidence) -> str | None:
    """Right in size, of the wrong sign in some elements."""
    g, t, wrong = evidence.gradient, evidence.truth, evidence.wrong
    if not evidence.agree(g.abs(), t.abs()) or not evidence.certain(t[wrong]):
        return None
    return f"right in size, of the wrong sign in {words.of_all(evidence.count, t.numel())}{where(evidence)}"


def clipped(evidence: Evidence) -> str | None:
    """Cut off at a size: the truth, clamped."""
    g, t, wrong = evidence.gradient, evidence.truth, evidence.wrong
    limit = float(g.abs().amax())
    if bool(wrong.all()):
        return None
    if not evidence.agree(g, t.clamp(-limit, limit)) or not evidence.certain_each(g[wrong][1:]):
        return None
    return f"clipped at {limit:.6g} in size: {words.of_all(evidence.count, t.numel())} are larger"


def factor_along_an_axis(evidence: Evidence) -> str | None:
    """Off by a factor that changes along one axis only, or along all but one."""
    if evidence.truth.ndim < 2:
        return None
    for axis in range(evidence.truth.ndim):
        others = [a for a in range(evidence.truth.ndim) if a != axis]
        if found := _factors(evidence, others):
            return f"off by a factor that changes along axis {axis} only: {words.signed(found[0])}"
    for axis in range(evidence.truth.ndim):
        if found := _factors(evidence, [axis]):
            return f"off by a factor that is constant along axis {axis}: {words.signed(found[0])}"
    return None


def _factors(evidence: Evidence, axes: list[int]) -> list[Tensor]:
    """Fit one factor to every group of elements that differ in their place along these axes alone.

    Empty unless the factors explain everything, and every factor but 1 met two numbers or more.
    """
    g, t = groups(evidence.gradient, axes), groups(evidence.truth, axes)
    norm = t.square().sum(-1)
    if len(t) < 2 or t.shape[-1] < 2:
        return []
    c = torch.where(norm > 0, (g * t).sum(-1) / norm.where(norm > 0, 1), 1)
    if not evidence.agree(g, c[:, None] * t, float(c.abs().amax())):
        return []
    sizes = t.abs()
    large = sizes > MARGIN * evidence.tolerance
    spans = sizes.amax(-1) - sizes.where(large, torch.inf).amin(-1)
    fitted = large.any(-1)
    if not bool((spans > MARGIN * evidence.tolerance)[fitted].all()):
        return []
    return [c[fitted]] if evidence.certain(t[fitted], free=int(fitted.sum())) else []


def groups(tensor: Tensor, axes: list[int]) -> Tensor:
    """Return a matrix whose rows hold the elements that differ along these axes alone."""
    last = [a for a in range(tensor.ndim) if a not in axes] + axes
    size = 1
    for a in axes:
        size *= tensor.shape[a]
    return tensor.permute(last).reshape(-1, size)
