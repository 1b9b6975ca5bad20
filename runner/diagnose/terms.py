"""Hypotheses on terms: one is missing, or is all there is."""

from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from runner.diagnose import factors
from runner.diagnose.evidence import MARGIN, Evidence, magnitude
from runner.diagnose.figures import sizes
from runner.diagnose.scale import groups, spread
from runner.diagnose.shape import reductions
from runner.diagnose.statement import Statement, say


def nothing_computed(evidence: Evidence) -> Statement | None:
    """Zero everywhere, where the truth is not."""
    if bool((evidence.gradient.abs() > evidence.tolerance).any()):
        return None
    size = magnitude(evidence.truth)
    if not size > MARGIN * evidence.tolerance:
        return None
    return say("nothing_computed", size=size)


def upstream_handed_on(evidence: Evidence) -> Statement | None:
    """Handed on: the upstream gradient as it came, though the truth is not proportional to it."""
    g, t, upstream = evidence.gradient, evidence.truth, evidence.upstream
    if upstream is None or upstream.shape != g.shape or not evidence.certain(upstream):
        return None
    c = factors.fitted(t, g)
    if len(evidence.levels(upstream.flatten())) < 2 or evidence.agree(t, c * g, c):
        return None
    factor = factors.relation(evidence, g, upstream)
    if not factor:
        return None
    return say("is_upstream_times", apart=factor.apart) if factor.apart else say("is_upstream")


def symmetric_part(evidence: Evidence) -> Statement | None:
    """Right once it is averaged with its transpose, or added to it."""
    g, t = evidence.gradient, evidence.truth
    if t.ndim < 2 or t.shape[-1] != t.shape[-2] or not evidence.certain(t[evidence.wrong]):
        return None
    for reduction, total in (("mean", (g + g.mT) / 2), ("sum", g + g.mT)):
        if evidence.agree(total, t):
            return say("not_symmetric", reduction=reduction)
    return None


def reduced(evidence: Evidence) -> Statement | None:
    """Reduced: the sum or mean over an axis, repeated along it."""
    g, t = evidence.gradient, evidence.truth
    for dims, reduction, total in reductions(t):
        repeated = total.expand(t.shape)
        if evidence.agree(g, repeated) and evidence.certain(total):
            return say("reduced", reduction=reduction, axes=list(dims))
    return None


def proportional(evidence: Evidence) -> Statement | None:
    """Off by a multiple of the input, or of the upstream gradient."""
    d = evidence.difference
    for name, tensor in spread(evidence):
        c = factors.fitted(d, tensor)
        if not c or len(evidence.levels(tensor.abs().flatten())) < 2:
            continue
        if evidence.agree(d, c * tensor, c) and evidence.certain(c * tensor, free=1):
            factor = factors.recognised(evidence, c, tensor)
            number = factor.statement if factor else say("decimal", value=c)
            return say("off_by_multiple", factor=number, tensor=name)
    return None


def offset(evidence: Evidence) -> Statement | None:
    """Off by a number that is the same along axes: a mean or a sum over them is dropped or doubled."""
    for axes in _subsets(evidence.truth):
        d, t = groups(evidence.difference, axes), groups(evidence.truth, axes)
        mean = d.mean(-1, keepdim=True)
        if evidence.agree(d, mean.expand_as(d)) and _proves_an_offset(evidence, d, t):
            remedy = _remedy(evidence, axes)
            if len(axes) == evidence.truth.ndim:
                return say("off_by_constant", number=float(mean), remedy=remedy)
            return say("off_by_constants", axes=axes, sizes=sizes(mean), remedy=remedy)
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


def _remedy(evidence: Evidence, axes: list[int]) -> Statement | None:
    g = evidence.gradient
    if evidence.agree(g - g.mean(axes, keepdim=True), evidence.truth):
        return say("mean_to_subtract")
    return say("mean_or_sum") if len(axes) < g.ndim else None


def row_by_row(evidence: Evidence) -> Statement | None:
    """Off by a multiple of the input, or a linear function of it, another in every row of the last axis."""
    value, d = evidence.value, evidence.difference
    if value is None or value.ndim < 1 or not value.isfinite().all():
        return None
    rows, x = groups(d, [d.ndim - 1]), groups(value, [d.ndim - 1])
    wrong = (rows.abs() > evidence.tolerance).any(-1)
    for function, columns in (("multiple", [x]), ("linear function", [x, torch.ones_like(x)])):
        if _fits(evidence, rows[wrong], torch.stack(columns, -1)[wrong]):
            return say("row_by_row", function=function, axis=d.ndim - 1, sizes=sizes(d))
    return None


def _fits(evidence: Evidence, rows: Tensor, basis: Tensor) -> bool:
    """Tell whether each row is a combination of its basis, of which it has two numbers more to show."""
    n, free = basis.shape[1:]
    if n < free + 2 or any(len(evidence.levels(x)) < free + 2 for x in basis[:64, :, 0]):
        return False
    weights = torch.linalg.lstsq(basis, rows[..., None]).solution
    return evidence.agree(rows, (basis @ weights)[..., 0]) and evidence.certain_each(rows[:, free:])
