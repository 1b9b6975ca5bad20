"""The CSV report."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from runner.record import COLUMNS, Cells

if TYPE_CHECKING:
    import pandas as pd

NAME = "report.csv"

TEXTS = frozenset(column.name for column in COLUMNS if column.type is str)
RUN_BY_SPREADSHEETS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "'",
)  # the last so that reading gives back what was there

PANDAS = {str: "string", int: "Int64", float: "float64", bool: "boolean"}


def write(folder: Path, rows: Iterable[Cells]) -> Path:
    """Write the report beside its place, then move it there: a reader never sees half of it.

    An empty cell was not measured; a NaN that was measured is written as `nan`. Rows are written as
    they come, and none is kept.
    """
    path = folder / NAME
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(column.name for column in COLUMNS)
            lines.writerows(map(_neutral, rows))  # `nan` is how Python spells it
        return unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _neutral(row: Cells) -> Iterable[object]:
    """Return the cells of a row, with an apostrophe before a text that a spreadsheet would run."""
    return (
        f"'{cell}" if type(cell) is str and cell.startswith(RUN_BY_SPREADSHEETS) and name in TEXTS else cell
        for name, cell in row.items()
    )


def typed(rows: Iterable[Cells]) -> "pd.DataFrame":
    """Return rows as a table with the types of its columns."""
    import pandas as pd

    table = pd.DataFrame([*rows], columns=[column.name for column in COLUMNS])
    return table.astype({column.name: PANDAS[column.type] for column in COLUMNS})


def read(path: Path) -> "pd.DataFrame":
    """Read a report with the types of its columns; pandas shows an empty cell and `nan` alike."""
    import pandas as pd  # half a second, which a run that only writes need not wait

    types = {column.name: PANDAS[column.type] for column in COLUMNS}
    missing = {name: ["", "nan"] for name, kind in types.items() if kind != "string"}
    table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=missing)
    for name in TEXTS:
        table[name] = table[name].str.replace(r"^'(?=[=+\-@\t\r'])", "", regex=True)
    return table
