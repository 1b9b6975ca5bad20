"""Regions that places define: slices, tails, blocks, diagonals."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.diagnose.statement import Statement, say

TILES = (2, 4, 8, 16, 32, 64, 128, 256)
MOST_SLICES = 4  # that are listed by number


@dataclass(frozen=True)
class Region:
    """Some elements and what they have in common.

    `rarity` is the log10 of how many choices of as many elements there must be for this to mean anything.
    """

    statement: Statement
    mask: Tensor
    rarity: float


def blocks(chosen: Tensor, live: Tensor) -> Iterator[Region]:
    """Yield the regions of places that a choice of elements could fill."""
    if not chosen.ndim:
        return
    ranges = [_range(chosen, axis) for axis in range(chosen.ndim)]
    parts = [stop - start for start, stop in ranges]
    cuts = sum(size < n for size, n in zip(parts, chosen.shape, strict=True))
    rarity = 0 if max(parts) == 1 else 1 + cuts
    yield Region(_where(ranges, chosen), _block(chosen, ranges), rarity)
    for axis in range(chosen.ndim):
        yield from _slices(chosen, axis)
    yield from _outside(chosen, live)
    if chosen.ndim > 1 and chosen.shape[-1] == chosen.shape[-2]:
        yield from _triangles(chosen)


def _range(chosen: Tensor, axis: int) -> tuple[int, int]:
    """Return the first place along an axis where something is chosen, and the one after the last."""
    places = torch.nonzero(_along(chosen, axis)).flatten()
    return int(places[0]), int(places[-1]) + 1


def _along(chosen: Tensor, axis: int) -> Tensor:
    """Tell for every place along an axis whether anything is chosen there."""
    return chosen.movedim(axis, 0).flatten(1).any(1) if chosen.ndim > 1 else chosen


def _block(chosen: Tensor, ranges: list[tuple[int, int]]) -> Tensor:
    inside = torch.zeros_like(chosen)
    inside[tuple(slice(*limits) for limits in ranges)] = True
    return inside


def _where(ranges: list[tuple[int, int]], chosen: Tensor) -> Statement:
    if chosen.numel() > 1 and all(stop - start == 1 for start, stop in ranges) and chosen.ndim > 1:
        return say("at", index=[start for start, _ in ranges])
    parts = [
        _part(start, stop, n, axis)
        for axis, ((start, stop), n) in enumerate(zip(ranges, chosen.shape, strict=True))
        if stop - start < n
    ]
    return say("in_block", ranges=parts) if parts else say("everywhere")


def _part(start: int, stop: int, n: int, axis: int) -> Statement:
    """Say `the last 3 of 35 along axis 0 (35 mod 4, 8, 16 or 32)`."""
    count = stop - start
    if stop == n:
        return say("last_slices", count=count, n=n, axis=axis, tiles=_tiles(count, n))
    if start == 0:
        return say("first_slices", count=count, n=n, axis=axis)
    if count == 1:
        return say("one_slice", start=start, axis=axis)
    return say("slice_range", start=start, stop=stop, axis=axis)


def _tiles(count: int, n: int) -> Statement | None:
    """Say which tiles leave so many elements over."""
    fitting = [tile for tile in TILES if tile < n and n % tile == count]
    return say("rest_of_tiles", count=count, n=n, sizes=fitting) if fitting else None


def _slices(chosen: Tensor, axis: int) -> Iterator[Region]:
    """Yield some whole slices along an axis, or every second."""
    places = torch.nonzero(_along(chosen, axis)).flatten().tolist()
    if len(places) < 2 or places == list(range(places[0], places[-1] + 1)):
        return
    n = chosen.shape[axis]
    if 2 * len(places) > n + 1:
        return
    size = [1] * chosen.ndim
    size[axis] = n
    region = _along(chosen, axis).reshape(size).expand(chosen.shape)
    if len(places) > 2 and places == list(range(places[0], n, 2)):
        yield Region(say("every_second", axis=axis, start=places[0]), region, 3)
    elif len(places) <= MOST_SLICES:
        yield Region(say("in_slices", places=places, axis=axis), region, 3)


def _outside(chosen: Tensor, live: Tensor) -> Iterator[Region]:
    """Yield all but a block that begins at the origin: the tails along several axes."""
    others = live & ~chosen
    if chosen.ndim < 2 or not others.any():
        return
    ranges = [(0, _range(others, axis)[1]) for axis in range(chosen.ndim)]
    parts = [
        _part(stop, n, n, axis)
        for axis, ((_, stop), n) in enumerate(zip(ranges, chosen.shape, strict=True))
        if stop < n
    ]
    if len(parts) > 1:
        yield Region(say("outside_block", ranges=parts), ~_block(chosen, ranges), 3)


def _triangles(chosen: Tensor) -> Iterator[Region]:
    ones = torch.ones_like(chosen)
    diagonal = ones.tril() & ones.triu()
    yield Region(say("on_diagonal"), diagonal, 2)
    yield Region(say("off_diagonal"), ~diagonal, 2)
    yield Region(say("above_diagonal"), ones.triu(1), 2)
    yield Region(say("below_diagonal"), ones.tril(-1), 2)
