"""How cost grows: the exponent by which time, memory or operations follow each dimension alone.

A straight line through logarithms, over the larger half of the sizes, since what a call costs whatever the
size hides the growth at small ones. The slope is the median of the slopes between all pairs of these sizes
(Theil and Sen), the interval their range: wide where the cost steps out of a cache, or is still bending.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Any

LEAST_SIZES = 4  # of a dimension, without which nothing is said

Shape = Mapping[str, Any]
"""Sizes by dimension; a list of sizes grows as its sum does."""


@dataclass(frozen=True)
class Exponent:
    """The exponent of a dimension, the range of what pairs of sizes give, and the number of sizes."""

    value: float
    low: float
    high: float
    sizes: int

    def __str__(self) -> str:
        return f"{self.value:.2f}[{self.low:.2f},{self.high:.2f}]"


def growth(points: Iterable[tuple[Shape, float]]) -> dict[str, Exponent]:
    """Return the exponent of each dimension that was varied alone, from costs at shapes.

    Of several costs at one shape the median counts; costs that are not above zero say nothing.
    """
    costs: dict[tuple[tuple[str, Any], ...], list[float]] = defaultdict(list)
    for shape, cost in points:
        if cost > 0:
            costs[tuple((name, _hashable(size)) for name, size in shape.items())].append(cost)
    at = {shape: median(of_shape) for shape, of_shape in costs.items()}
    names = dict.fromkeys(name for shape in at for name, _ in shape)
    series = {name: _longest(name, at) for name in names}
    return {name: _exponent(found) for name, found in series.items() if len(found) >= LEAST_SIZES}


def _longest(name: str, at: Mapping[tuple[tuple[str, Any], ...], float]) -> dict[float, float]:
    """Return cost by size, from the most shapes that differ in this dimension alone."""
    by_rest: dict[Any, dict[float, float]] = defaultdict(dict)
    for shape, cost in at.items():
        sizes = dict(shape)
        if name in sizes:
            size = _size(sizes.pop(name))
            by_rest[tuple(sizes.items())][size] = cost
    return max(by_rest.values(), key=len, default={})


def _exponent(costs: Mapping[float, float]) -> Exponent:
    slopes = [_slope(*pair) for pair in combinations(_larger(costs), 2)]
    return Exponent(median(slopes), min(slopes), max(slopes), len(costs))


def _larger(costs: Mapping[float, float]) -> list[tuple[float, float]]:
    return sorted(costs.items())[-max(3, len(costs) // 2 + 1) :]


@dataclass(frozen=True)
class Line:
    """A straight line through logarithms: cost = factor size^exponent, from the first to the last size."""

    exponent: float
    factor: float
    first: float
    last: float


def fitted(costs: Mapping[float, float]) -> Line | None:
    """Return the line through the larger half of costs by size; None of fewer than four sizes."""
    costs = {size: cost for size, cost in costs.items() if size > 0 and cost > 0}
    if len(costs) < LEAST_SIZES:
        return None
    larger, exponent = _larger(costs), _exponent(costs).value
    factor = median(cost / size**exponent for size, cost in larger)
    return Line(exponent, factor, larger[0][0], larger[-1][0])


def _slope(one: Sequence[float], other: Sequence[float]) -> float:
    return math.log(other[1] / one[1]) / math.log(other[0] / one[0])


def _size(size: Any) -> float:
    return float(sum(size) if isinstance(size, tuple) else size)


def _hashable(size: Any) -> Any:
    return tuple(size) if isinstance(size, list) else size
