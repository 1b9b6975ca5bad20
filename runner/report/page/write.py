"""Writes `report.html`."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from runner.place import beside
from runner.report.page.figures import accuracy, costs, order, speeds
from runner.report.page.packed import packed
from runner.report.page.pages import pages
from runner.report.page.read import Report, worst
from runner.report.signs import LOOKS, OTHER
from runner.verdicts import OUTCOMES

NAME = "report.html"
MOST_WITHOUT_JAVASCRIPT = 100
SHOWN_FIRST = (
    "experiment", "derivation", "wrt", "dtype", "verdict", "shape", "max_abs_error", "error_over_bound",
    "manual_ms", "speedup",
)  # fmt: skip


def write(folder: Path) -> Path:
    """Make the page of a folder from its ledger."""
    with beside(folder / NAME) as path:
        path.write_text(html(Report.read(folder)), encoding="utf-8")
    return folder / NAME


def html(report: Report) -> str:
    """Return the page: the template escapes whatever comes from a config or from an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__ or "", "assets"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"sign": _sign, "short": _short}
    return environment.get_template("page.html").render(_values(report))


def _values(report: Report) -> Mapping[str, Any]:
    columns = report.columns()
    return {
        "style": _asset("page.css"),
        "script": _asset("page.js"),
        "report": report,
        "counts": [(name, report.counts[name]) for name in reversed(OUTCOMES) if report.counts[name]],
        "causes": report.failing(),
        "dtypes": sorted({dtype for _, dtype in report.cells}, key=order),
        "signs": {verdict: _sign(verdict) for verdict in OUTCOMES},
        "formulas": sorted({formula for formula, _ in report.cells}),
        "cell": {key: (worst(counts), counts) for key, counts in report.cells.items()},
        "checks": sorted({check for mine in report.checks.values() for check in mine}),
        "accuracy": accuracy(report.rows),
        "costs": costs(report.rows),
        "speeds": speeds(report.rows),
        "groups": report.groups.rows(),
        "first": report.rows[:MOST_WITHOUT_JAVASCRIPT],
        "first_columns": [name for name in SHOWN_FIRST if name in columns],
        "data": packed(report.rows, report.commands, columns) if report.rows else "",
        "pages": pages(formula for formula, _ in report.cells),
        "environment": [*_environment(report.folder)],
    }


def _environment(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what is known of software and machine; nothing where the file is not there, or is damaged."""
    try:
        found = json.loads((folder / "environment.json").read_text())
    except (OSError, ValueError):
        return
    for name, value in found.items():
        if value not in (None, ""):
            yield name.replace("_", " "), str(value)


def _asset(name: str) -> str:
    return (files(__package__ or "") / "assets" / name).read_text(encoding="utf-8")


def _sign(verdict: str) -> str:
    return LOOKS.get(verdict, OTHER).sign


def _short(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
