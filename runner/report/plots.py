"""What is drawn of a report, on its page and for papers: error, time and memory by size, and speedups."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from runner.clock.growth import Line, fitted
from runner.record import Cells

LEAST_SIZES = 3
MOST_POINTS = 600  # of a series: more are ink, not information
DTYPES = ("float64", "float32", "bfloat16", "float16")

Points = list[tuple[float, float]]


@dataclass
class Series:
    """Points of one kind: `mine`, `theirs`, their `bound`, or the `fit` of the first, which is a line."""

    name: str
    style: str
    points: Points = field(default_factory=list)
    joined: bool = False

    def thinned(self) -> Points:
        """Return the points that have a place on logarithmic axes, from left to right, and not too many."""
        found = sorted((x, y) for x, y in self.points if 0 < x < math.inf and 0 < y < math.inf)
        return found[:: max(1, math.ceil(len(found) / MOST_POINTS))]

    def medians(self) -> Points:
        """Return the points that a line goes through: at each size the median."""
        at: dict[float, list[float]] = defaultdict(list)
        for x, y in self.thinned():
            at[x].append(y)
        return [(x, median(ys)) for x, ys in at.items()]


@dataclass(frozen=True)
class Plot:
    """Series over each other on logarithmic axes; `what` and `who` name it."""

    what: str
    who: str
    x: str
    y: str
    series: Sequence[Series]

    @property
    def heading(self) -> str:
        """What stands above it."""
        return f"{self.who}: {self.what}"


def accuracy(rows: Sequence[Cells]) -> list[Plot]:
    """Return a plot for each dtype: the error of every gradient, its bound, and autograd's own error."""
    dtypes = sorted({row["dtype"] for row in rows if row["error_u"]}, key=order)
    made = (_errors(dtype, [row for row in rows if row["dtype"] == dtype]) for dtype in dtypes)
    return [plot for plot in made if any(series.thinned() for series in plot.series)]


def _errors(dtype: str, rows: Iterable[Cells]) -> Plot:
    mine, bound, theirs = Series("manual", "mine"), Series("bound", "bound"), Series("autograd", "theirs")
    for row in rows:
        if row["error_u"] and row["elements"]:
            x, error = float(row["elements"]), float(row["error_u"])
            mine.points.append((x, error))
            if row["error_over_bound"]:
                bound.points.append((x, error / row["error_over_bound"]))
            if row["error_ratio"]:
                theirs.points.append((x, error / row["error_ratio"]))
    return Plot("error", dtype, "elements of the gradient", "error, in u", [mine, theirs, bound])


COSTS: Mapping[str, tuple[str, Mapping[str, tuple[str, str]]]] = {
    "time": ("ms", {"mine": ("manual", "manual_ms"), "theirs": ("autograd", "autograd_ms"),
                    "bound": ("limit of the machine", "floor_ms")}),
    "memory": ("MB", {"mine": ("manual", "peak_memory_mb"),
                      "theirs": ("autograd", "autograd_peak_memory_mb")}),
}  # fmt: skip
"""Units and columns of what is drawn against size, by what it is, and what each is called."""


def costs(rows: Iterable[Cells]) -> Iterator[Plot]:
    """Yield plots of time and of memory for each derivation that was run at three sizes or more."""
    for who, of_point in _by_derivation(rows):
        for what in COSTS:
            plot = _cost(who, what, of_point)
            if any(series.thinned() for series in plot.series):
                yield plot


def _by_derivation(rows: Iterable[Cells]) -> Iterator[tuple[str, list[Cells]]]:
    """Yield the first row of each point of a derivation: times are a fact of that."""
    found: dict[str, dict[str, Cells]] = defaultdict(dict)
    for row in rows:
        if row["manual_ms"] is not None:
            found[f"{derivation(row)} {row['dtype']}"].setdefault(row["point"], row)
    for who, of_point in found.items():
        if len({row["shape"] for row in of_point.values()}) >= LEAST_SIZES:
            yield who, [*of_point.values()]


def derivation(row: Cells) -> str:
    """Name a derivation, with how it was executed where that is unusual."""
    mode = "" if row["execution"] == "eager" else f" {row['execution']}"
    return f"{row['formula']} {row['derivation']}{mode}"


def _cost(who: str, what: str, rows: Sequence[Cells]) -> Plot:
    unit, columns = COSTS[what]
    series = [
        Series(name, style, _points(rows, column), joined=True) for style, (name, column) in columns.items()
    ]
    if line := fitted(dict(series[0].medians())):
        series.append(Series(f"growth, exponent {line.exponent:.2f}", "fit", _ends(line), joined=True))
    return Plot(what, who, "operations", f"{what}, {unit}", series)


def _points(rows: Iterable[Cells], column: str) -> Points:
    return [
        (float(row["operations"]), float(row[column])) for row in rows if row["operations"] and row[column]
    ]


def _ends(line: Line) -> Points:
    return [(x, line.factor * x**line.exponent) for x in (line.first, line.last)]


@dataclass(frozen=True)
class Speed:
    """The speedup of a derivation in a dtype at a shape, with its interval."""

    derivation: str
    dtype: str
    shape: str
    speedup: float
    low: float
    high: float
    noisy: bool


def speeds(rows: Iterable[Cells]) -> list[Speed]:
    """Return the speedup of each derivation, of the point with the most operations: the slowest first."""
    largest: dict[tuple[str, str], Cells] = {}
    for row in rows:
        if row["speedup"] is not None and row["speedup_low"] is not None:
            who = derivation(row), row["dtype"]
            if who not in largest or (row["operations"] or 0) > (largest[who]["operations"] or 0):
                largest[who] = row
    found = [
        Speed(
            *who,
            row["shape"],
            float(row["speedup"]),
            float(row["speedup_low"]),
            float(row["speedup_high"]),
            bool(row["noisy"]),
        )
        for who, row in largest.items()
    ]
    return sorted(found, key=lambda speed: speed.speedup)


def order(dtype: str) -> int:
    """Return the place of a dtype, the most precise first."""
    return DTYPES.index(dtype) if dtype in DTYPES else len(DTYPES)
