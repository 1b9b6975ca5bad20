"""Writes `report.html`."""

from itertools import islice
from pathlib import Path

from runner.place import beside
from runner.record import COLUMNS, Column
from runner.report.overview import cells
from runner.report.page.chart import chart, place
from runner.report.page.map import Map, by_device
from runner.report.page.pages import pages
from runner.report.page.read import Report, environment
from runner.report.page.render import rendered
from runner.report.page.table import Table
from runner.report.plots import accuracy, costs, speeds
from runner.verdicts import NOT_RIGHT

NAME = "report.html"
FIRST = (
    "experiment", "derivation", "wrt", "dtype", "verdict", "shape", "max_abs_error", "error_over_bound",
    "manual_ms", "speedup",
)  # fmt: skip
MOST_CHARTS = 24  # of cost
FILTERS = ("verdict", "formula", "derivation", "dtype", "device", "execution")
COMMAND = Column("command", str, "runs the point alone")
MOST_OF_ALL_COLUMNS = 120_000  # rows: a page of more would be over 10 MB
KEY = (
    "experiment", "derivation", "wrt", "dtype", "verdict", "diagnosis", "formula", "shape", "params",
    "device", "seed", "execution", "failed_checks", "error", "max_abs_error", "error_over_bound", "error_u",
    "manual_ms", "autograd_ms", "speedup", "efficiency", "peak_memory_mb",
)  # fmt: skip
"""The columns of larger reports; the CSV has the others."""


def write(report: Report) -> Path:
    """Make the page of a report."""
    with beside(report.folder / NAME) as path:
        path.write_text(html(report), encoding="utf-8")
    return report.folder / NAME


def html(report: Report) -> str:
    """Return the page: the template escapes whatever comes from a config or from an error."""
    summary = report.summary
    verdicts = Map.of({"": {(cell.formula, cell.dtype): cell.counts for cell in cells(summary.groups)}})
    causes = summary.causes.of(NOT_RIGHT)
    return rendered(
        "page.html",
        _table(report),
        {"map": by_device(summary.groups, verdicts), "listings": report.listings},
        title=report.folder.name or "report",
        report=report,
        counts=summary.counts.ordered()[::-1],
        causes=[(cause, report.typed(cause.overrides) if cause.overrides else "") for cause in causes],
        map=verdicts,
        checks=sorted({check for mine in report.checks.values() for check in mine}),
        accuracy=[(plot, chart(plot)) for plot in accuracy(report.all_rows)],
        costs=[(plot, chart(plot)) for plot in islice(costs(report.all_rows), MOST_CHARTS)],
        speeds=speeds(report.all_rows),
        place=place,
        groups=summary.groups.rows(),
        pages=pages(verdicts.formulas),
        environment=environment(report.folder).items(),
    )


def _table(report: Report) -> Table | None:
    """Return the table of all rows, with the columns that any of them fills; None where there are no rows."""
    if not report.rows:
        return None
    few = len(report.rows) <= MOST_OF_ALL_COLUMNS
    wanted = [column for column in (*COLUMNS, COMMAND) if few or column.name in KEY]
    filled = [c for c in wanted if any(row[c.name] not in (None, "") for row in report.rows)]
    names = {column.name for column in filled}
    return Table(
        columns=filled,
        rows=report.rows,
        first=[name for name in FIRST if name in names],
        filters=FILTERS,
        badges=["verdict"],
        said=["diagnosis", "error"],
        total=report.summary.rows,
        elsewhere="in report.csv",
    )
