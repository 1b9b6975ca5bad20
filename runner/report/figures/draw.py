"""Draws figures: lines on logarithmic axes, speedups with their intervals, and the map of verdicts."""

from collections.abc import Iterable, Sequence
from itertools import islice
from math import ceil, floor, log2

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from runner.report.figures.style import DTYPES, OTHER_DTYPE, SERIES, SHORT, VERDICTS, WIDTH
from runner.report.page.chart import Axis as Scale
from runner.report.page.map import Map
from runner.report.plots import Plot, Series, Speed, order
from runner.report.signs import LOOKS, OTHER

HEIGHT = 2.3
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
A_LINE = 0.19
"""Inches of a derivation or a formula."""


def lines(plot: Plot) -> Figure:
    """Return series over each other, with logarithmic axes."""
    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel=plot.x, ylabel=plot.y)
    for series in plot.series:
        _series(axes, series)
    points = [point for series in plot.series for point in series.thinned()]
    for axis, values in zip((axes.xaxis, axes.yaxis), zip(*points, strict=True), strict=True):
        _logarithmic(axis, values)
    figure.legend(loc="outside upper left", ncols=2, title=plot.who, alignment="left")
    return figure


def _series(axes: Axes, series: Series) -> None:
    """Draw marks, and where they are joined a line; where it goes between marks, these are faint."""
    points, medians, style = series.thinned(), series.medians(), SERIES[series.style]
    if not points:
        return
    marks = {**style, "linestyle": "none", "alpha": 0.7}
    if not series.joined:
        axes.plot(*zip(*points, strict=True), label=series.name, **marks)
    elif len(points) == len(medians):
        axes.plot(*zip(*medians, strict=True), label=series.name, **style)
    else:
        axes.plot(*zip(*medians, strict=True), label=series.name, **{**style, "marker": "none"})
        axes.plot(*zip(*points, strict=True), **marks)


def _logarithmic(axis: Axis, values: Iterable[float]) -> None:
    """Give an axis room for its values, and few round ticks, as on the page."""
    scale = Scale.of(values, 0, 1)
    axis.set_view_interval(10**scale.low, 10**scale.high, ignore=True)
    axis.set_major_locator(FixedLocator(scale.ticks()))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _written(value)))
    axis.set_minor_locator(NullLocator())


def _written(value: float) -> str:
    """Write a tick in plain text: mathematics would take half of the time."""
    if 0.01 <= value < 10_000:
        return f"{value:g}"
    factor, _, power = f"{value:.0e}".partition("e")
    lead = "" if factor == "1" else f"{factor}·"
    return f"{lead}10{str(int(power)).translate(RAISED)}"


def speedups(found: Sequence[Speed]) -> Figure:
    """Return a line for each derivation, with a mark and an interval for each of its dtypes."""
    names = [*dict.fromkeys(one.derivation for one in found)]
    figure = Figure(figsize=(WIDTH, 0.75 + A_LINE * len(names) * 1.25))
    axes = figure.subplots()
    dtypes = sorted({one.dtype for one in found}, key=order)
    for dtype in dtypes:
        _speeds(axes, dtype, dtypes, names, [one for one in found if one.dtype == dtype])
    axes.set_yticks(
        range(len(names)), [name.replace(" ", "\n", 1) if len(name) > 24 else name for name in names]
    )
    axes.set(xscale="log", xlabel="speedup over autograd's backward", ylim=(len(names) - 0.5, -0.5))
    axes.axvline(1, color="black", linewidth=0.7, zorder=1)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    _powers_of_two(axes)
    figure.legend(loc="outside upper right", ncols=len(dtypes), handlelength=1)
    return figure


def _speeds(
    axes: Axes, dtype: str, dtypes: Sequence[str], names: Sequence[str], found: Sequence[Speed]
) -> None:
    style = DTYPES.get(dtype, OTHER_DTYPE)
    aside = (dtypes.index(dtype) - (len(dtypes) - 1) / 2) * 0.7 / max(len(dtypes), 2)
    places = [names.index(one.derivation) + aside for one in found]
    values = [one.speedup for one in found]
    below, above = ([one.speedup - one.low for one in found], [one.high - one.speedup for one in found])
    spans = [[max(0.0, part) for part in parts] for parts in (below, above)]
    axes.errorbar(values, places, xerr=spans, label=dtype, linestyle="none", elinewidth=0.8, **style)


def _powers_of_two(axes: Axes) -> None:
    left, right = axes.get_xlim()
    low, high = min(-1, floor(log2(left))), max(1, ceil(log2(right)))
    step = 1 + (high - low) // 7
    powers = (power for power in range(low, high + 1) if power % step == 0)
    axes.set_xlim(2.0**low, 2.0**high)
    axes.xaxis.set_major_locator(FixedLocator([2.0**power for power in powers]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}" if x >= 1 else f"1/{1 / x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def verdicts(shown: Map, formulas: Sequence[str]) -> Figure:
    """Return the map of verdicts of some formulas by dtype, with a sign and a word beside each colour."""
    figure = Figure(figsize=(WIDTH, 0.35 + A_LINE * len(formulas)))
    axes = figure.subplots()
    for (formula, dtype), cell in shown.cells.items():
        if formula in formulas:
            _cell(axes, shown.dtypes.index(dtype), formulas.index(formula), cell.verdicts[-1])
    axes.set(xlim=(0, len(shown.dtypes)), ylim=(len(formulas), 0))
    axes.set_xticks([i + 0.5 for i in range(len(shown.dtypes))], shown.dtypes)
    axes.set_yticks([i + 0.5 for i in range(len(formulas))], formulas)
    axes.grid(visible=False)
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    return figure


def _cell(axes: Axes, column: int, row: int, verdict: str) -> None:
    colour = VERDICTS.get(verdict, VERDICTS["crashed"])
    axes.fill(
        [column, column + 1, column + 1, column], [row, row, row + 1, row + 1], colour, ec="white", lw=1.2
    )
    text = f"{LOOKS.get(verdict, OTHER).sign} {SHORT.get(verdict, verdict)}"
    axes.text(column + 0.5, row + 0.53, text, ha="center", va="center", fontsize=6)


def pages(lines_: Sequence[str], most: int) -> list[list[str]]:
    """Return lines in parts of which each fits a page."""
    rest = iter(lines_)
    return [*iter(lambda: [*islice(rest, most)], [])]
