"""The CSV report: written row by row, and read with the types of its columns."""

import csv
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import BadInput
from runner.place import beside
from runner.record import COLUMNS, Cells, Column
from runner.verdicts import NOT_RIGHT

if TYPE_CHECKING:
    import pandas as pd

NAME = "report.csv"

RUN_BY_SPREADSHEETS = frozenset("=+-@\t\r'")  # the last so that reading gives back what was there
TEXT: Any = {"encoding": "utf-8", "newline": ""}
NEUTRALISED = r"^'(?=[=+\-@\t\r'])"


def write(folder: Path, rows: Iterable[Cells]) -> Path:
    """Write the report as rows come; those that are not right first, else in their order.

    An empty cell was not measured; a NaN that was measured is written as `nan`. No row is kept: what is
    right waits in a file.
    """
    with beside(folder / NAME) as path, path.open("w", **TEXT) as first, _waiting(folder) as rest:
        lines, later = csv.writer(first, lineterminator="\n"), csv.writer(rest, lineterminator="\n")
        lines.writerow(column.name for column in COLUMNS)
        texts = places_of_texts(COLUMNS)
        for row in rows:
            (lines if row["verdict"] in NOT_RIGHT else later).writerow(neutral(row, texts))
        rest.seek(0)
        shutil.copyfileobj(rest, first, 2**20)
    return folder / NAME


def _waiting(folder: Path) -> Any:
    """Open a file that has no name, and is gone when it is closed."""
    return tempfile.TemporaryFile("w+", dir=folder, **TEXT)


def neutral(row: Cells, texts: Iterable[int]) -> list[object]:
    """Return the cells of a row, with an apostrophe before a text that a spreadsheet would run.

    `texts` are the places of its texts: figures may be text here too, and begin with a minus.
    """
    cells = [*row.values()]
    for place in texts:
        if (cell := cells[place]) and cell[0] in RUN_BY_SPREADSHEETS:
            cells[place] = f"'{cell}"
    return cells


def plain(cell: str) -> str | None:
    """Return what a cell held before it was made harmless; None where it is empty."""
    return (cell[1:] if cell[:1] == "'" and cell[1:2] in RUN_BY_SPREADSHEETS else cell) or None


def places_of_texts(columns: Iterable[Column]) -> tuple[int, ...]:
    """Return the places of the columns that hold text."""
    return tuple(place for place, column in enumerate(columns) if column.type is str)


def typed(rows: Iterable[Cells], columns: Iterable[Column] = COLUMNS) -> "pd.DataFrame":
    """Return rows as a table with the types of its columns."""
    import pandas as pd

    columns = [*columns]
    table = pd.DataFrame([*rows], columns=[column.name for column in columns], dtype=object)
    return pd.DataFrame({column.name: _series(table[column.name], column) for column in columns})


def read(path: Path, columns: Iterable[Column] = COLUMNS) -> "pd.DataFrame":
    """Read a report with the types of its columns; pandas shows an empty cell and `nan` alike.

    A report of another version has its own columns: what it lacks is empty here, what it has beside is text
    and stands last. Raises BadInput for what is no report.
    """
    (table,) = _read(path, tuple(columns), None)
    return table


def chunks(path: Path, rows: int) -> Iterator["pd.DataFrame"]:
    """Read a report as `read` does, no more than so many rows at a time."""
    return _read(path, COLUMNS, rows)


def _read(path: Path, columns: tuple[Column, ...], at_a_time: int | None) -> Iterator["pd.DataFrame"]:
    import pandas as pd  # half a second, which a run that only writes need not wait

    known = {column.name: column for column in columns}
    missing = {column.name: ["", "nan"] for column in columns if column.type is not str}
    figures = {column.name: _dtype(column) for column in columns if column.type in (int, float, bool)}
    types = {name: figures.get(name, "string") for name in header(path)}
    options: dict[str, Any] = {"dtype": types, "keep_default_na": False, "na_values": missing}
    if pd.__version__ < "3":  # from then on figures are always read to the last bit
        options["float_precision"] = "round_trip"
    with pd.read_csv(path, chunksize=at_a_time or 2**62, **options) as parts:
        for part in parts:
            yield _completed(part, known)


def header(path: Path) -> list[str]:
    """Return the columns of a file. Raises BadInput where it is no report."""
    try:
        with path.open(**TEXT) as file:
            names = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or 'is no report of handgrad'}") from error
    if not {"derivation", "verdict"} <= {*names}:
        raise BadInput(f"{path}: is no report of handgrad: it has no columns `derivation` and `verdict`")
    return names


def _completed(table: "pd.DataFrame", known: dict[str, Column]) -> "pd.DataFrame":
    """Give a table every column that is known, in their order and with their types, and then the others."""
    import pandas as pd

    for name in table.columns:
        if str(table[name].dtype).startswith("str"):
            table[name] = table[name].str.replace(NEUTRALISED, "", regex=True)
    if "status" in table:  # before version 3, what was not judged had no verdict
        table["verdict"] = table["verdict"].mask(table["verdict"] == "", table["status"])
    empty = pd.Series([None] * len(table), index=table.index, dtype=object)
    mine = {name: _series(table.get(name, empty), column) for name, column in known.items()}
    return pd.DataFrame({**mine, **{n: table[n] for n in table.columns if n not in known}})


def _series(values: "pd.Series[Any]", column: Column) -> "pd.Series[Any]":
    """Return cells with the type of their column."""
    import pandas as pd

    if column.type is datetime:
        return pd.to_datetime(values.replace("", None), utc=True, format="ISO8601").dt.as_unit("ms")
    if column.categories:
        others = {*values.dropna().unique()} - {*column.categories, ""}  # of a version that is not known here
        known = pd.CategoricalDtype([*column.categories, *sorted(others)], ordered=True)
        return values.replace("", None).astype(known)
    if column.type is str:
        return values.fillna("").astype("string")
    return values.astype(_dtype(column))


def _dtype(column: Column) -> Any:
    return {int: "Int64", float: "float64", bool: "boolean"}[column.type]
