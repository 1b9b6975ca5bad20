"""Regions that places define: slices, tails, blocks, diagonals."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.diagnose import words

TILES = (2, 4, 8, 16, 32, 64, 128, 256)
MOST_SLICES = 4  # that are listed by number


@dataclass(frozen=True)
class Region:
    """Some elements and what they have in common.

    `rarity` is the log10 of how many choices of as many elements there must be for this to mean anything.
    """

    name: str
    mask: Tensor
    rarity: float


def blocks(chosen: Tensor, live: Tensor) -> Iterator[Region]:
    """Yield, by name, the regions of places that a choice of elements could fill."""
    if not chosen.ndim:
        return
    ranges = [_range(chosen, axis) for axis in range(chosen.ndim)]
    parts = [stop - start for start, stop in ranges]
    cuts = sum(size < n for size, n in zip(parts, chosen.shape, strict=True))
    yield Region(_block_name(ranges, chosen), _block(chosen, ranges), 0 if max(parts) == 1 else 1 + cuts)
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


def _block_name(ranges: list[tuple[int, int]], chosen: Tensor) -> str:
    if chosen.numel() > 1 and all(stop - start == 1 for start, stop in ranges) and chosen.ndim > 1:
        return f"at {words.place([start for start, _ in ranges])}"
    parts = [
        _part(start, stop, n, axis)
        for axis, ((start, stop), n) in enumerate(zip(ranges, chosen.shape, strict=True))
        if stop - start < n
    ]
    return f"in {words.joined(parts, 'and')}" if parts else "everywhere"


def _part(start: int, stop: int, n: int, axis: int) -> str:
    """Return `the last 3 of 35 along axis 0 (35 mod 4, 8, 16 or 32)`."""
    count = stop - start
    if stop == n:
        tiles = [str(tile) for tile in TILES if tile < n and n % tile == count]
        tail = f" ({count} = {n} mod {words.joined(tiles, 'or')})" if tiles else ""
        return f"the last {_number(count)}of {n} along axis {axis}{tail}"
    if start == 0:
        return f"the first {_number(count)}of {n} along axis {axis}"
    return f"[{start}] along axis {axis}" if count == 1 else f"[{start}:{stop}] along axis {axis}"


def _number(count: int) -> str:
    return f"{count} " if count > 1 else ""


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
        yield Region(f"in every second slice along axis {axis}, from [{places[0]}]", region, 3)
    elif len(places) <= MOST_SLICES:
        listed = words.joined((f"[{i}]" for i in places), "and")
        yield Region(f"in {listed} along axis {axis}", region, 3)


def _outside(chosen: Tensor, live: Tensor) -> Iterator[Region]:
    """Yield all but a block that begins at the origin: the tails along several axes."""
    right = live & ~chosen
    if chosen.ndim < 2 or not right.any():
        return
    ranges = [(0, _range(right, axis)[1]) for axis in range(chosen.ndim)]
    parts = [
        _part(stop, n, n, axis)
        for axis, ((_, stop), n) in enumerate(zip(ranges, chosen.shape, strict=True))
        if stop < n
    ]
    if len(parts) > 1:
        yield Region(f"in {words.joined(parts, 'or')}", ~_block(chosen, ranges), 3)


def _triangles(chosen: Tensor) -> Iterator[Region]:
    ones = torch.ones_like(chosen)
    diagonal = ones.tril() & ones.triu()
    yield Region("on the diagonal", diagonal, 2)
    yield Region("off the diagonal", ~diagonal, 2)
    yield Region("above the diagonal", ones.triu(1), 2)
    yield Region("below the diagonal", ones.tril(-1), 2)
