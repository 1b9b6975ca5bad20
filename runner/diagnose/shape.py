"""Hypotheses on a gradient of the wrong shape."""

from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from runner.diagnose import words
from runner.diagnose.evidence import Evidence
from runner.diagnose.factors import relation
from runner.diagnose.order import how, of_another_input, rearrangements


def mismatch(evidence: Evidence) -> str | None:
    """Say what turns a gradient of the wrong shape into the right one, if anything does."""
    if evidence.same_shape:
        return None
    found, right = words.shape(evidence.gradient.shape), words.shape(evidence.truth.shape)
    start = f"shape {found} instead of {right}"
    if not evidence.gradient.isfinite().all() or not evidence.truth.isfinite().all():
        return start
    if not evidence.truth.numel() or not evidence.gradient.numel():
        return start
    if explanation := next(_explanations(evidence), None):
        return f"{start}: {explanation}"
    return f"{start}; no simple explanation: neither transposed nor summed is it the right gradient"


def _explanations(evidence: Evidence) -> Iterator[str]:
    if other := of_another_input(evidence):
        yield other
    yield from _same_numbers(evidence)
    yield from _transposed(evidence)
    yield from _not_summed(evidence)
    yield from _not_repeated(evidence)
    yield from _summed(evidence)


def _same_numbers(evidence: Evidence) -> Iterator[str]:
    g, t = evidence.gradient, evidence.truth
    if g.numel() != t.numel():
        return
    without_ones = [n for n in g.shape if n != 1] == [n for n in t.shape if n != 1]
    apart = relation(evidence, g.reshape(t.shape), t) if _telling(evidence) or without_ones else None
    if apart is not None:
        what = "dimensions of size 1 apart" if without_ones else "reshaped"
        yield f"the numbers are right{apart}, {what}"


def _transposed(evidence: Evidence) -> Iterator[str]:
    g, t = evidence.gradient, evidence.truth
    if g.ndim != t.ndim or not _telling(evidence):
        return
    for order in rearrangements(t.ndim):
        apart = relation(evidence, g, t.permute(order))
        if apart is not None:
            yield f"the right gradient{apart}, {how(order)}"


def _not_summed(evidence: Evidence) -> Iterator[str]:
    g, t = evidence.gradient, evidence.truth
    dims = _broadcast(tuple(t.shape), tuple(g.shape))
    if not dims:
        return
    apart = relation(evidence, g.sum_to_size(t.shape), t)
    if apart is not None:
        yield f"the sum over {words.axes(dims)} is missing; with it the gradient is right{apart}"


def _not_repeated(evidence: Evidence) -> Iterator[str]:
    g, t = evidence.gradient, evidence.truth
    if dims := _broadcast(tuple(g.shape), tuple(t.shape)):
        apart = relation(evidence, g.expand(t.shape), t)
        if apart is not None:
            yield f"repeated along {words.axes(dims)} the gradient is right{apart}"


def _summed(evidence: Evidence) -> Iterator[str]:
    """Look for a sum or mean of the truth over axes that the input has."""
    g, t = evidence.gradient, evidence.truth
    for dims, what, reduced in reductions(t):
        candidates = [reduced, reduced.sum(dims)]
        for candidate in candidates:
            if candidate.shape == g.shape and evidence.agree(g, candidate) and evidence.certain(candidate):
                yield f"it is the {what} of the right gradient over {words.axes(dims)}"


def _broadcast(small: tuple[int, ...], large: tuple[int, ...]) -> list[int]:
    """Return the axes of `large` along which `small` would be repeated; none where they do not fit."""
    if len(small) > len(large):
        return []
    padded = (1,) * (len(large) - len(small)) + small
    if any(s not in (1, n) for s, n in zip(padded, large, strict=True)):
        return []
    extra = len(large) - len(small)
    return [i for i, (s, n) in enumerate(zip(padded, large, strict=True)) if i < extra or s != n]


def reductions(truth: Tensor) -> Iterator[tuple[tuple[int, ...], str, Tensor]]:
    """Yield sums and means of a tensor over one axis or more, which keep these axes at size 1."""
    dims = [i for i, n in enumerate(truth.shape) if n > 1]
    for size in range(1, len(dims) + 1):
        for some in combinations(dims, size):
            yield some, "sum", truth.sum(some, keepdim=True)
            yield some, "mean", truth.mean(some, keepdim=True)


def _telling(evidence: Evidence) -> bool:
    """Tell whether the truth's order shows: a constant is its own transpose."""
    low, high = torch.aminmax(evidence.truth) if evidence.truth.numel() else (torch.zeros(()),) * 2
    return evidence.truth.numel() == 1 or float(high - low) > 10 * evidence.tolerance
