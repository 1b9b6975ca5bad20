"""Hypotheses on order: the right numbers in the wrong places."""

from collections.abc import Iterator, Sequence
from itertools import combinations, islice, permutations

import torch
from torch import Tensor

from runner.diagnose.evidence import Evidence
from runner.diagnose.factors import relation
from runner.diagnose.figures import counts
from runner.diagnose.statement import Statement, say

MOST_AXES = 4  # of which every permutation is tried
MOST_WAYS = 3


def rearrangements(axes: int) -> Iterator[tuple[int, ...]]:
    """Yield every order of the axes but their own; for many axes, only exchanges of two."""
    unchanged = tuple(range(axes))
    if axes <= MOST_AXES:
        yield from (order for order in permutations(unchanged) if order != unchanged)
        return
    for i, j in combinations(unchanged, 2):
        yield tuple(j if a == i else i if a == j else a for a in unchanged)


def transposition(order: Sequence[int]) -> Statement:
    """Say `transposed`, with the order of the axes where there are more than two."""
    return say("transposed") if len(order) == 2 else say("permuted", order=list(order))


def permuted(evidence: Evidence) -> Statement | None:
    """Say how the gradient's axes are permuted, flipped or shifted."""
    if not evidence.certain(evidence.truth[evidence.wrong]):
        return None
    ways = list(islice(_ways(evidence), MOST_WAYS))
    return say("rearranged", ways=ways) if ways else None


def _ways(evidence: Evidence) -> Iterator[Statement]:
    """Yield every move, with a factor perhaps, that makes the gradient of the truth."""
    for move, moved in _moves(evidence.truth):
        if not bool(((moved - evidence.truth).abs() > evidence.tolerance).any()):
            continue
        if factor := relation(evidence, evidence.gradient, moved):
            yield say("way", move=move, apart=factor.apart)


def _moves(truth: Tensor) -> Iterator[tuple[Statement, Tensor]]:
    for order in rearrangements(truth.ndim):
        turned = truth.permute(order)
        if turned.shape == truth.shape:
            yield transposition(order), turned
        elif truth.ndim > 1:
            read = say("read_into", move=transposition(order), shape=list(truth.shape))
            yield read, turned.reshape(truth.shape)
    for axis, n in enumerate(truth.shape):
        if n > 1:
            yield say("flipped", axis=axis), truth.flip(axis)
            yield say("shifted", by=1, axis=axis), truth.roll(1, axis)
        if n > 2:
            yield say("shifted", by=-1, axis=axis), truth.roll(-1, axis)


def of_another_input(evidence: Evidence) -> Statement | None:
    """Tell which other input the gradient belongs to, so that two of them are exchanged."""
    for wrt, other in evidence.others.items():
        if other.isfinite().all() and evidence.certain(other) and evidence.agree(evidence.gradient, other):
            return say("of_another_input", wrt=wrt)
    return None


def shuffled(evidence: Evidence) -> Statement | None:
    """Say that every number is right, and none of the moved ones in its place."""
    g, t, wrong = evidence.gradient, evidence.truth, evidence.wrong
    moved = t[wrong]
    drift = float((g - t).sum().abs())
    if not drift <= evidence.count * evidence.tolerance:
        return None
    if not evidence.agree(g[wrong].sort().values, moved.sort().values) or not evidence.certain(moved):
        return None
    if 2 * len(evidence.levels(moved)) <= len(moved):
        return None
    if evidence.count == 2:
        one, other = torch.nonzero(wrong).tolist()
        return say("swapped", one=one, other=other)
    return say("shuffled", **counts(evidence))
