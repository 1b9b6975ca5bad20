"""The grid of a sweep, in the order of nested loops: the last axis runs fastest, as in Hydra."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """One override and the values that it takes; a range of integers is never written out."""

    key: str
    values: Sequence[str | int]


@dataclass(frozen=True)
class Point:
    """One place in the grid: a value of each axis."""

    index: int
    keys: tuple[str, ...]
    values: tuple[str | int, ...]

    @property
    def overrides(self) -> list[str]:
        """The point as it would be typed on the command line."""
        return [f"{key}={value}" for key, value in zip(self.keys, self.values, strict=True)]


class Grid:
    """Every combination of the axes' values; none is held in memory."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.keys = tuple(axis.key for axis in axes)
        self._values = [axis.values for axis in axes]
        self.size = math.prod(map(len, self._values))

    def __getitem__(self, index: int) -> Point:
        """Return the point at an index, in time that depends on the number of axes alone."""
        rest, reversed_values = index, []
        for values in reversed(self._values):
            rest, digit = divmod(rest, len(values))
            reversed_values.append(values[digit])
        return Point(index, self.keys, tuple(reversed(reversed_values)))

    def __iter__(self) -> Iterator[Point]:
        return map(self.__getitem__, range(self.size))
