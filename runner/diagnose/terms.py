"""Hypotheses on terms: one is missing, or is all there is."""

from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from runner.diagnose import factors, words
from runner.diagnose.evidence import MARGIN, Evidence, magnitude
from runner.diagnose.scale import groups, spread
from runner.diagnose.shape import reductions


def nothing_computed(evidence: Evidence) -> str | None:
    """Zero everywhere, where the truth is not."""
    if bool((evidence.gradient.abs() > evidence.tolerance).any()):
        return None
    if not magnitude(evidence.truth) > MARGIN * evidence.tolerance:
        return None
    return f"the gradient is zero everywhere; the truth is up to {magnitude(evidence.truth):.4g} in size"


def upstream_handed_on(evidence: Evidence) -> str | None:
    """Handed on: the upstream gradient as it came, though the truth is not proportional to it."""
    g, t, upstream = evidence.gradient, evidence.truth, evidence.upstream
    if upstream is None or upstream.shape != g.shape or not evidence.certain(upstream):
        return None
    c = factors.fitted(t, g)
    if len(evidence.levels(upstream.flatten())) < 2 or evidence.agree(t, c * g, c):
        return None
    apart = factors.relation(evidence, g, upstream)
    if apart is None:
        return None
    return f"the gradient is the upstream gradient{apart or ': no derivative is applied'}"


def symmetric_part(evidence: Evidence) -> str | None:
    """Right once it is averaged with its transpose, or added to it."""
    g, t = evidence.gradient, evidence.truth
    if t.ndim < 2 or t.shape[-1] != t.shape[-2] or not evidence.certain(t[evidence.wrong]):
        return None
    for what, total in (("mean", (g + g.mT) / 2), ("sum", g + g.mT)):
        if evidence.agree(total, t):
            return f"not symmetric as the truth is: the {what} of the gradient and its transpose is right"
    return None


def reduced(evidence: Evidence) -> str | None:
    """Reduced: the sum or mean over an axis, repeated along it."""
    g, t = evidence.gradient, evidence.truth
    for dims, what, total in reductions(t):
        repeated = total.expand(t.shape)
        if evidence.agree(g, repeated) and evidence.certain(total):
            return f"each element is the {what} of the right ones over {words.axes(dims)}"
    return None


def proportional(evidence: Evidence) -> str | None:
    """Off by a multiple of the input, or of the upstream gradient."""
    d = evidence.difference
    for name, tensor in spread(evidence):
        c = factors.fitted(d, tensor)
        if not c or len(evidence.levels(tensor.abs().flatten())) < 2:
            continue
        if evidence.agree(d, c * tensor, c) and evidence.certain(c * tensor, free=1):
            times = factors.name(evidence, c, tensor) or f"{c:.6g}"
            return f"off by {name}" if times == "1" else f"off by {times} times {name}"
    return None


def offset(evidence: Evidence) -> str | None:
    """Off by a number that is the same along axes: a mean or a sum over them is dropped or doubled."""
    for axes in _subsets(evidence.truth):
        d, t = groups(evidence.difference, axes), groups(evidence.truth, axes)
        mean = d.mean(-1, keepdim=True)
        if evidence.agree(d, mean.expand_as(d)) and _proves_an_offset(evidence, d, t):
            where = "everywhere" if len(axes) == evidence.truth.ndim else f"along {words.axes(axes)}"
            return f"off by a number that is constant {where}, {_offsets(mean)}{_remedy(evidence, axes)}"
    return None


def _subsets(truth: Tensor) -> Iterator[list[int]]:
    """Yield sets of axes, the largest first: they have the fewest numbers to fit."""
    dims = [axis for axis, n in enumerate(truth.shape) if n > 1]
    for size in range(len(dims), 0, -1):
        for some in combinations(dims, size):
            ones = [axis for axis, n in enumerate(truth.shape) if n == 1]
            yield sorted([*some, *ones]) if size == len(dims) else list(some)


def _proves_an_offset(evidence: Evidence, d: Tensor, t: Tensor) -> bool:
    """Tell whether the difference is constant where the truth is not; else both are merely constant."""
    varied = ((t - t.mean(-1, keepdim=True)).abs() > MARGIN * evidence.tolerance).any(-1)
    moved = (d.abs() > evidence.tolerance).any(-1)
    if not bool(varied[moved].all()):
        return False
    return evidence.certain_each(d[moved][:, 1:])  # one number a group is fitted; the others agree with it


def _offsets(mean: Tensor) -> str:
    return words.signed(mean) if mean.numel() == 1 else f"{words.sizes(mean)} in size"


def _remedy(evidence: Evidence, axes: list[int]) -> str:
    g = evidence.gradient
    if evidence.agree(g - g.mean(axes, keepdim=True), evidence.truth):
        return ", and right once its mean is subtracted there"
    return ", as a wrong or dropped mean or sum leaves it" if len(axes) < g.ndim else ""


def row_by_row(evidence: Evidence) -> str | None:
    """Off by a multiple of the input, or a linear function of it, another in every row of the last axis."""
    value, d = evidence.value, evidence.difference
    if value is None or value.ndim < 1 or not value.isfinite().all():
        return None
    rows, x = groups(d, [d.ndim - 1]), groups(value, [d.ndim - 1])
    wrong = (rows.abs() > evidence.tolerance).any(-1)
    for what, columns in (("a multiple", [x]), ("a linear function", [x, torch.ones_like(x)])):
        if _fits(evidence, rows[wrong], torch.stack(columns, -1)[wrong]):
            return (
                f"off by {what} of the input, another in each row along axis {d.ndim - 1}, "
                f"{words.sizes(d)} in size, as a wrong or dropped term leaves it"
            )
    return None


def _fits(evidence: Evidence, rows: Tensor, basis: Tensor) -> bool:
    """Tell whether each row is a combination of its basis, of which it has two numbers more to show."""
    n, free = basis.shape[1:]
    if n < free + 2 or any(len(evidence.levels(x)) < free + 2 for x in basis[:64, :, 0]):
        return False
    weights = torch.linalg.lstsq(basis, rows[..., None]).solution
    return evidence.agree(rows, (basis @ weights)[..., 0]) and evidence.certain_each(rows[:, free:])
