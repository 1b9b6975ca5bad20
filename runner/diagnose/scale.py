"""Hypotheses on size and sign: the gradient is the truth times something."""

from collections.abc import Iterator

import torch
from torch import Tensor

from runner.diagnose import factors
from runner.diagnose.evidence import MARGIN, Evidence, magnitude
from runner.diagnose.figures import counts, extremes, worst
from runner.diagnose.region import place_of_wrong
from runner.diagnose.statement import Statement, say

HALF_OR_SINGLE = (torch.bfloat16, torch.float16, torch.float32)
LOST = 8  # roundoffs that a computation in a dtype may lose and still be one


def computed_in(evidence: Evidence) -> Statement | None:
    """Tell that every element is a number of a lower precision, and is off by no more than its roundoff."""
    g, t = evidence.gradient, evidence.truth
    size, off = magnitude(t), magnitude(evidence.difference)
    if len(evidence.levels(g.abs().flatten())) < 3:  # zeros and ones are numbers of every precision
        return None
    for dtype in HALF_OR_SINGLE:
        inside = bool((g.to(dtype).to(g.dtype) == g).all())
        if inside and not bool((t.to(dtype).to(t.dtype) == t).all()):
            if off <= LOST * torch.finfo(dtype).eps * size:
                return say("computed_in", dtype=str(dtype).removeprefix("torch."), error=off / size)
            return None
    return None


def factor(evidence: Evidence) -> Statement | None:
    """Off by one factor everywhere, named where it has a name."""
    g, t = evidence.gradient, evidence.truth
    if not magnitude(t) > MARGIN * evidence.tolerance:
        return None
    c = factors.fitted(g, t)
    if not c or not evidence.agree(g, c * t, c):
        return None
    if _constant(evidence, t):
        return _factor_of_one_number(evidence, c)
    recognised = factors.recognised(evidence, c, t)
    if not recognised:
        return say("off_by_unnamed", value=c) if _proves_a_factor(evidence) else None
    if recognised.value == -1:
        return say("wrong_sign", named=recognised.named)
    return say("off_by_factor", factor=recognised.statement)


def _factor_of_one_number(evidence: Evidence, c: float) -> Statement:
    """Compare the number itself, of which many a fraction would be right: only the simplest has names."""
    recognised = factors.recognised(evidence, c, evidence.truth, levels=1) or factors.Factor(c)
    name = "one_number" if evidence.truth.numel() == 1 else "constant"
    return say(name, **worst(evidence), factor=recognised.statement)


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


def upstream_left_out(evidence: Evidence) -> Statement | None:
    """Right once it is multiplied, or divided, by the upstream gradient or the input."""
    g, t = evidence.gradient, evidence.truth
    if not (evidence.certain(t[evidence.wrong]) and evidence.certain(g[evidence.wrong])):
        return None
    for name, tensor in spread(evidence):
        if _constant(evidence, tensor):
            continue
        for operation, actual, expected in (("multiplied", g * tensor, t), ("divided", g, t * tensor)):
            if remaining := factors.relation(evidence, actual, expected):
                return say("tensor_left_out", operation=operation, tensor=name, apart=remaining.apart)
    return None


def spread(evidence: Evidence) -> Iterator[tuple[str, Tensor]]:
    """Yield input and upstream, by name, in the gradient's shape: what has one number a row is repeated."""
    if evidence.value is not None:
        yield "input", evidence.value
    size, upstream = evidence.truth.shape, evidence.upstream
    if upstream is None or upstream.numel() < 2:
        return
    if upstream.shape == size[: upstream.ndim] and upstream.ndim < len(size):
        upstream = upstream.reshape(*upstream.shape, *(1,) * (len(size) - upstream.ndim))
    try:
        yield "upstream gradient", upstream.expand(size)
    except RuntimeError:  # of a shape that says nothing about single elements
        return


def signs(evidence: Evidence) -> Statement | None:
    """Right in size, of the wrong sign in some elements."""
    g, t, wrong = evidence.gradient, evidence.truth, evidence.wrong
    if not evidence.agree(g.abs(), t.abs()) or not evidence.certain(t[wrong]):
        return None
    return say("wrong_signs", **counts(evidence), place=place_of_wrong(evidence))


def clipped(evidence: Evidence) -> Statement | None:
    """Cut off at a size: the truth, clamped."""
    g, t, wrong = evidence.gradient, evidence.truth, evidence.wrong
    limit = float(g.abs().amax())
    if bool(wrong.all()):
        return None
    if not evidence.agree(g, t.clamp(-limit, limit)) or not evidence.certain_each(g[wrong][1:]):
        return None
    return say("clipped", limit=limit, **counts(evidence))


def factor_along_an_axis(evidence: Evidence) -> Statement | None:
    """Off by a factor that changes along one axis only, or along all but one."""
    if evidence.truth.ndim < 2:
        return None
    for axis in range(evidence.truth.ndim):
        others = [a for a in range(evidence.truth.ndim) if a != axis]
        if (along := _factors(evidence, others)) is not None:
            return say("factor_changes", axis=axis, factors=extremes(along))
    for axis in range(evidence.truth.ndim):
        if (across := _factors(evidence, [axis])) is not None:
            return say("factor_constant", axis=axis, factors=extremes(across))
    return None


def _factors(evidence: Evidence, axes: list[int]) -> Tensor | None:
    """Fit one factor to every group of elements that differ in their place along these axes alone.

    None unless the factors explain everything, and every factor but 1 met two numbers or more.
    """
    g, t = groups(evidence.gradient, axes), groups(evidence.truth, axes)
    norm = t.square().sum(-1)
    if len(t) < 2 or t.shape[-1] < 2:
        return None
    c = torch.where(norm > 0, (g * t).sum(-1) / norm.where(norm > 0, 1), 1)
    if not evidence.agree(g, c[:, None] * t, float(c.abs().amax())):
        return None
    sizes = t.abs()
    large = sizes > MARGIN * evidence.tolerance
    spans = sizes.amax(-1) - sizes.where(large, torch.inf).amin(-1)
    fitted = large.any(-1)
    if not bool((spans > MARGIN * evidence.tolerance)[fitted].all()):
        return None
    return c[fitted] if evidence.certain(t[fitted], free=int(fitted.sum())) else None


def groups(tensor: Tensor, axes: list[int]) -> Tensor:
    """Return a matrix whose rows hold the elements that differ along these axes alone."""
    last = [a for a in range(tensor.ndim) if a not in axes] + axes
    size = 1
    for a in axes:
        size *= tensor.shape[a]
    return tensor.permute(last).reshape(-1, size)
