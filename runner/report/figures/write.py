"""Writes the figures of a report into its folder `figures`, each as SVG and as PNG."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import UserError
from runner.place import beside
from runner.report.overview import cells
from runner.report.page.map import Map
from runner.report.page.read import Report
from runner.report.plots import accuracy, costs, speeds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "figures"
MOST_LINES = 45
"""Of a figure: as many as a page is high."""


def check() -> None:
    """Raise UserError where the library that it takes is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UserError("--figures: needs matplotlib, an extra: pip install 'handgrad[figures]'")


def write(report: Report) -> Path:
    """Draw what there is to draw; return the folder."""
    from matplotlib import rc_context

    from runner.report.figures.style import DPI, RC

    folder = report.folder / FOLDER
    folder.mkdir(exist_ok=True)
    with rc_context(RC):
        for name, figure in _figures(report):
            for ending, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
                with beside(folder / f"{name}.{ending}") as path:
                    figure.savefig(path, format=ending, dpi=DPI, metadata=metadata)
                figure.set_layout_engine("none")  # it is laid out, which takes as long as to draw it
    return folder


def _figures(report: Report) -> Iterator[tuple[str, "Figure"]]:
    """Yield figures by name, one at a time: there may be many."""
    from runner.report.figures import draw

    shown = Map.of({"": {(cell.formula, cell.dtype): cell.counts for cell in cells(report.summary.groups)}})
    parts = draw.pages(shown.formulas, MOST_LINES)
    for i, formulas in enumerate(parts, 1):
        yield _numbered("verdicts", i, len(parts)), draw.verdicts(shown, formulas)
    for plot in (*accuracy(report.all_rows), *costs(report.all_rows)):
        yield _slug(f"{plot.what} {plot.who}"), draw.lines(plot)
    found = speeds(report.all_rows)
    parts = draw.pages([*dict.fromkeys(one.derivation for one in found)], MOST_LINES)
    for i, names in enumerate(parts, 1):
        part = [one for one in found if one.derivation in names]
        yield _numbered("speedup", i, len(parts)), draw.speedups(part)


def _numbered(name: str, number: int, of: int) -> str:
    return name if of == 1 else f"{name}-{number}"


def _slug(words: str) -> str:
    """Return the name of a file."""
    return re.sub(r"[^\w.]+", "-", words)
