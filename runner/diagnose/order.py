"""Hypotheses on order: the right numbers in the wrong places."""

from collections.abc import Iterator, Sequence
from itertools import permutations

import torch
from torch import Tensor

from runner.diagnose import words
from runner.diagnose.evidence import Evidence
from runner.diagnose.factors import relation

MOST_AXES = 4  # of which every permutation is tried


def rearrangements(axes: int) -> Iterator[tuple[int, ...]]:
    """Yield every order of the axes but their own; for many axes, only exchanges of two."""
    own = tuple(range(axes))
    if axes <= MOST_AXES:
        yield from (order for order in permutations(own) if order != own)
        return
    for i in own:
        for j in own[i + 1 :]:
            yield tuple(j if a == i else i if a == j else a for a in own)


def how(order: Sequence[int]) -> str:
    """Return `transposed`, or the order of the axes where there are more than two."""
    return "transposed" if len(order) == 2 else f"transposed (its axes in the order {list(order)})"


def permuted(evidence: Evidence) -> str | None:
    """Say how the gradient's axes are permuted, flipped or shifted."""
    if not evidence.certain(evidence.truth[evidence.wrong]):
        return None
    found: list[str] = []
    for move, moved in _moves(evidence.truth):
        if bool(((moved - evidence.truth).abs() > evidence.tolerance).any()):
            apart = relation(evidence, evidence.gradient, moved)
            found += [move + apart] if apart is not None else []
    return f"the right numbers, {words.joined(found[:3], 'or')}" if found else None


def _moves(truth: Tensor) -> Iterator[tuple[str, Tensor]]:
    for order in rearrangements(truth.ndim):
        turned = truth.permute(order)
        if turned.shape == truth.shape:
            yield how(order), turned
        elif truth.ndim > 1:
            yield f"{how(order)} and read into shape {words.shape(truth.shape)}", turned.reshape(truth.shape)
    for axis, n in enumerate(truth.shape):
        if n > 1:
            yield f"flipped along axis {axis}", truth.flip(axis)
            yield f"shifted by 1 along axis {axis}", truth.roll(1, axis)
        if n > 2:
            yield f"shifted by -1 along axis {axis}", truth.roll(-1, axis)


def of_another_input(evidence: Evidence) -> str | None:
    """Tell which other input the gradient belongs to, so that two of them are exchanged."""
    for name, other in evidence.others.items():
        if other.isfinite().all() and evidence.certain(other) and evidence.agree(evidence.gradient, other):
            return f"it is the gradient by {name}"
    return None


def shuffled(evidence: Evidence) -> str | None:
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
        return f"elements {words.place(one)} and {words.place(other)} are swapped"
    return f"the right numbers in other places: {words.of_all(evidence.count, t.numel())} have moved"
