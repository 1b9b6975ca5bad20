"""What is written of a report beside report.csv and summary.csv: a row for each format of `report.format`."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from runner.errors import UserError, unknown
from runner.report import parquet


@dataclass(frozen=True)
class Format:
    """A file that is made of a folder which has its report.csv."""

    check: Callable[[], None]
    write: Callable[[Path], Path]


def page(folder: Path) -> Path:
    """Write report.html; what it takes to do so is imported now."""
    from runner.report.page.write import write as written

    return written(folder)


def _nothing() -> None:
    """Need nothing that might be missing."""


BESIDE_CSV = {"html": Format(_nothing, page), "parquet": Format(parquet.check, parquet.write)}
KNOWN = ("csv", *BESIDE_CSV)


def chosen(names: Iterable[str]) -> list[str]:
    """Return the formats that were asked for; raises UserError for one that cannot be written."""
    wanted = [*dict.fromkeys(names)]
    for name in wanted:
        if name not in KNOWN:
            raise UserError(unknown("report.format", name, KNOWN))
        if name in BESIDE_CSV:
            BESIDE_CSV[name].check()
    return wanted


def write(folder: Path, names: Collection[str]) -> list[Path]:
    """Write each of the chosen formats; return what was made, report.csv apart."""
    return [BESIDE_CSV[name].write(folder) for name in names if name in BESIDE_CSV]
