"""The charts of a page: accuracy, time and memory against size, and speedups with their intervals."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from runner.record import Cells
from runner.report.page.chart import Series, chart

MOST_CHARTS = 24
LEAST_SIZES = 3
DTYPES = ("float64", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Figure:
    """A chart with its heading, what its marks are, and a word below it."""

    heading: str
    svg: str
    marks: Sequence[tuple[str, str]]
    below: str = ""


def accuracy(rows: Sequence[Cells]) -> list[Figure]:
    """Return a chart for each dtype: the error of every gradient, its bound, and autograd's own error."""
    found = []
    for dtype in sorted({row["dtype"] for row in rows if row["error_u"]}, key=order):
        mine, bound, theirs = Series("manual", "mine"), Series("bound", "bound"), Series("autograd", "theirs")
        for row in rows:
            if row["dtype"] == dtype and row["error_u"] and row["elements"]:
                x, error = float(row["elements"]), float(row["error_u"])
                mine.points.append((x, error))
                if row["error_over_bound"]:
                    bound.points.append((x, error / row["error_over_bound"]))
                if row["error_ratio"]:
                    theirs.points.append((x, error / row["error_ratio"]))
        svg = chart(f"{dtype}: error", "elements of the gradient", "error, in u", [bound, theirs, mine])
        found.append(Figure(dtype, svg, [(s.name, s.style) for s in (mine, theirs, bound)]))
    return [figure for figure in found if figure.svg]


def costs(rows: Iterable[Cells]) -> list[Figure]:
    """Return charts of time and of memory for each derivation that was run at three sizes or more."""
    return [figure for group in _by_derivation(rows) for figure in _of_derivation(*group)][:MOST_CHARTS]


def _by_derivation(rows: Iterable[Cells]) -> Iterator[tuple[str, list[Cells]]]:
    """Yield the first row of each point of a derivation: times are a fact of that."""
    found: dict[str, dict[str, Cells]] = defaultdict(dict)
    for row in rows:
        if row["manual_ms"] is not None:
            mode = "" if row["execution"] == "eager" else f" {row['execution']}"
            who = f"{row['formula']} {row['derivation']} {row['dtype']}{mode}"
            found[who].setdefault(row["point"], row)
    for who, of_point in found.items():
        if len({row["shape"] for row in of_point.values()}) >= LEAST_SIZES:
            yield who, [*of_point.values()]


def _of_derivation(who: str, rows: Sequence[Cells]) -> Iterator[Figure]:
    for what, unit, columns in (
        ("time", "ms", (("manual", "mine", "manual_ms"), ("autograd", "theirs", "autograd_ms"),
                        ("limit of the machine", "bound", "floor_ms"))),
        ("memory", "MB", (("manual", "mine", "peak_memory_mb"),
                          ("autograd", "theirs", "autograd_peak_memory_mb"))),
    ):  # fmt: skip
        series = [Series(name, style, _points(rows, column), joined=True) for name, style, column in columns]
        svg = chart(f"{who}: {what}", "operations", unit, series)
        if svg:
            yield Figure(f"{who}: {what}", svg, [(s.name, s.style) for s in series if s.points])


def _points(rows: Iterable[Cells], column: str) -> list[tuple[float, float]]:
    return [
        (float(row["operations"]), float(row[column])) for row in rows if row["operations"] and row[column]
    ]


@dataclass(frozen=True)
class Speed:
    """A speedup with its interval, and where these lie from 0 to 100 on a logarithmic scale around 1."""

    who: str
    speedup: float
    low: float
    high: float
    noisy: bool
    at: float
    begin: float
    end: float


def speeds(rows: Iterable[Cells]) -> list[Speed]:
    """Return the speedup of each derivation, of the point with the most elements: the slowest first."""
    largest: dict[str, Cells] = {}
    for row in rows:
        if row["speedup"] is not None and row["speedup_low"] is not None:
            mode = "" if row["execution"] == "eager" else f" {row['execution']}"
            who = f"{row['formula']} {row['derivation']} {row['dtype']}{mode}"
            if who not in largest or (row["operations"] or 0) > (largest[who]["operations"] or 0):
                largest[who] = row
    found = [_speed(f"{who}, {row['shape']}", row) for who, row in largest.items()]
    return sorted(found, key=lambda speed: speed.speedup)


def _speed(who: str, row: Cells) -> Speed:
    speedup, low, high = (float(row[name]) for name in ("speedup", "speedup_low", "speedup_high"))
    at, begin, end = map(_place, (speedup, low, high))
    return Speed(who, speedup, low, high, bool(row["noisy"]), at, begin, end)


def _place(ratio: float) -> float:
    """Return a place on the scale: a sixteenth at 0, one at 50, sixteen times at 100."""
    return round(min(100.0, max(0.0, 50 + 12.5 * math.log2(max(ratio, 1e-9)))), 2)


def order(dtype: str) -> int:
    """Return the place of a dtype, the most precise first."""
    return DTYPES.index(dtype) if dtype in DTYPES else len(DTYPES)
