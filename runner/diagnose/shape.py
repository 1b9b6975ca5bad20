"""Hypotheses on a gradient of the wrong shape."""

from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from runner.diagnose.evidence import Evidence
from runner.diagnose.factors import relation
from runner.diagnose.order import of_another_input, rearrangements, transposition
from runner.diagnose.statement import Statement, say


def mismatch(evidence: Evidence) -> Statement | None:
    """Say what turns a gradient of the wrong shape into the right one, if anything does."""
    if evidence.same_shape:
        return None
    both = (evidence.gradient, evidence.truth)
    gradient, truth = (list(tensor.shape) for tensor in both)
    if not all(tensor.numel() and tensor.isfinite().all() for tensor in both):
        return say("wrong_shape", gradient=gradient, truth=truth)
    if explanation := next(_explanations(evidence), None):
        return say("wrong_shape_explained", gradient=gradient, truth=truth, explanation=explanation)
    return say("wrong_shape_unexplained", gradient=gradient, truth=truth)


def _explanations(evidence: Evidence) -> Iterator[Statement]:
    if exchanged := of_another_input(evidence):
        yield exchanged
    yield from _same_numbers(evidence)
    yield from _transposed(evidence)
    yield from _not_summed(evidence)
    yield from _not_repeated(evidence)
    yield from _summed(evidence)


def _same_numbers(evidence: Evidence) -> Iterator[Statement]:
    g, t = evidence.gradient, evidence.truth
    if g.numel() != t.numel():
        return
    without_ones = [n for n in g.shape if n != 1] == [n for n in t.shape if n != 1]
    factor = relation(evidence, g.reshape(t.shape), t) if _telling(evidence) or without_ones else None
    if factor:
        yield say("squeezed" if without_ones else "reshaped", apart=factor.apart)


def _transposed(evidence: Evidence) -> Iterator[Statement]:
    g, t = evidence.gradient, evidence.truth
    if g.ndim != t.ndim or not _telling(evidence):
        return
    for order in rearrangements(t.ndim):
        if factor := relation(evidence, g, t.permute(order)):
            yield say("right_once_moved", apart=factor.apart, move=transposition(order))


def _not_summed(evidence: Evidence) -> Iterator[Statement]:
    g, t = evidence.gradient, evidence.truth
    dims = _broadcast(tuple(t.shape), tuple(g.shape))
    if not dims:
        return
    if factor := relation(evidence, g.sum_to_size(t.shape), t):
        yield say("sum_missing", axes=dims, apart=factor.apart)


def _not_repeated(evidence: Evidence) -> Iterator[Statement]:
    g, t = evidence.gradient, evidence.truth
    dims = _broadcast(tuple(g.shape), tuple(t.shape))
    if not dims:
        return
    if factor := relation(evidence, g.expand(t.shape), t):
        yield say("not_repeated", axes=dims, apart=factor.apart)


def _summed(evidence: Evidence) -> Iterator[Statement]:
    """Look for a sum or mean of the truth over axes that the input has."""
    g, t = evidence.gradient, evidence.truth
    for dims, reduction, reduced in reductions(t):
        for candidate in (reduced, reduced.sum(dims)):
            if candidate.shape == g.shape and evidence.agree(g, candidate) and evidence.certain(candidate):
                yield say("reduction_of_right", reduction=reduction, axes=list(dims))


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
