"""Pictures in which nothing moves: SVG with logarithmic axes, in the page's colours, with their words."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from runner.report.plots import Plot, Points, Series

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 34
UPWARDS = ("bound", "theirs", "mine", "fit")
"""Styles, from what is drawn first to what lies on top."""
MIDDLE = (TOP + HEIGHT - BOTTOM) // 2


def chart(plot: Plot) -> str:
    """Return an SVG of series over each other; nothing where there are no points above zero."""
    kept = [(series, series.thinned()) for series in plot.series]
    points = [point for _, found in kept for point in found]
    if not points:
        return ""
    across = Axis.of([p[0] for p in points], LEFT, WIDTH - RIGHT)
    up = Axis.of([p[1] for p in points], HEIGHT - BOTTOM, TOP)
    said = f"{plot.heading}: {plot.y} against {plot.x}; " + ", ".join(
        series.name if series.style == "fit" else f"{series.name} ({len(found)} points)"
        for series, found in kept
        if found
    )
    upwards = sorted(kept, key=lambda one: UPWARDS.index(one[0].style))
    marks = "".join(_marks(series, found, across, up) for series, found in upwards)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">'
        f"{_grid(across, up)}{marks}"
        f"{_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, escape(plot.x))}"
        f'<g transform="rotate(-90 12 {MIDDLE})">{_text(12, MIDDLE, escape(plot.y))}</g></svg>'
    )


def _text(x: float, y: float, written: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{written}</text>'


def _line(x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis from one place to another."""

    low: float
    high: float
    begin: float
    end: float

    @classmethod
    def of(cls, values: Iterable[float], begin: float, end: float) -> "Axis":
        """Return an axis that has room for all values, and for half a decade at least."""
        logs = [math.log10(value) for value in values]
        low, high = min(logs), max(logs)
        spare = max(0.0, 0.6 - (high - low)) / 2 + 0.06 * max(high - low, 0.6)
        return cls(low - spare, high + spare, begin, end)

    def at(self, value: float) -> float:
        """Return where a value lies."""
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Return no more than six powers of ten, or simple numbers where there is no room for two."""
        first, last = math.ceil(self.low), math.floor(self.high)
        if last - first >= 1:
            step = (last - first) // 5 + 1
            return [10.0**power for power in range(first, last + 1, step)]
        simple = [m * 10.0**power for power in range(first - 1, last + 2) for m in (1, 2, 5)]
        return [value for value in simple if self.low <= math.log10(value) <= self.high]


def _grid(across: Axis, up: Axis) -> str:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    upright = ((across.at(value), _written(value)) for value in across.ticks())
    level = ((up.at(value), _written(value)) for value in up.ticks())
    lines = [_line(x, x, TOP, bottom) + _text(x, bottom + 13, text) for x, text in upright]
    lines += [_line(LEFT, right, y, y) + _text(LEFT - 5, y + 3, text, "end") for y, text in level]
    return "".join(lines)


def _written(value: float) -> str:
    if 0.01 <= value < 10_000:
        return f"{value:g}"
    power = math.floor(math.log10(value) + 1e-9)
    factor = value / 10.0**power
    lead = "" if abs(factor - 1) < 1e-6 else f"{factor:g}·"
    return f'{lead}10<tspan dy="-4" font-size="8">{power}</tspan>'


def _marks(series: Series, points: Points, across: Axis, up: Axis) -> str:
    places = [(across.at(x), up.at(y)) for x, y in points]
    circles = (f'<circle class="{series.style}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places)
    dots = "" if series.style == "fit" else "".join(circles)
    if len(places) < 2 or not series.joined:
        return dots
    path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in series.medians())
    return f'<polyline class="line {series.style}" points="{path}"/>{dots}'


def place(ratio: float) -> float:
    """Return a place on a logarithmic scale: a sixteenth at 0, one at 50, sixteen times at 100."""
    return round(min(100.0, max(0.0, 50 + 12.5 * math.log2(max(ratio, 1e-9)))), 2)
