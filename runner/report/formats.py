"""What is written of a report beside report.csv and summary.csv: a row for each format of `report.format`."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from runner.errors import UserError, unknown
from runner.report import parquet
from runner.report.figures import write as figures
from runner.report.page.read import Report


@dataclass(frozen=True)
class Format:
    """A file that is made of a report whose report.csv is written."""

    check: Callable[[], None]
    write: Callable[[Report], Path]


def page(report: Report) -> Path:
    """Write report.html; what it takes to do so is imported now."""
    from runner.report.page.write import write as written

    return written(report)


FIGURES = "figures"
"""What `handgrad report --figures` asks for; no sweep makes it."""


def _nothing() -> None:
    """Need nothing that might be missing."""


BESIDE_CSV = {
    "html": Format(_nothing, page),
    "parquet": Format(parquet.check, lambda report: parquet.write(report.folder)),
    FIGURES: Format(figures.check, figures.write),
}
KNOWN = ("csv", "html", "parquet")
OF_ROWS = frozenset({"html", FIGURES})
"""Those that are made of the rows themselves, which are kept for them."""


def chosen(names: Iterable[str]) -> list[str]:
    """Return the formats that were asked for; raises UserError for one that cannot be written."""
    wanted = [*dict.fromkeys(names)]
    for name in wanted:
        if name not in KNOWN:
            raise UserError(unknown("report.format", name, KNOWN))
        if name in BESIDE_CSV:
            BESIDE_CSV[name].check()
    return wanted


def write(report: Report, names: Collection[str]) -> list[Path]:
    """Write each of the chosen formats; return what was made, report.csv apart."""
    return [BESIDE_CSV[name].write(report) for name in names if name in BESIDE_CSV]
