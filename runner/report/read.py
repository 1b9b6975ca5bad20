"""`handgrad.read_report`: a report as a pandas table with the types of its columns."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import BadInput
from runner.record import typed
from runner.report import csv, groups, parquet

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = ("shape", "params")


def read_report(path: str | Path, *, expand: bool = False) -> "pd.DataFrame":
    """Read `report.csv`, `summary.csv` or `report.parquet`, or the report.csv of a folder.

    Integers with gaps are Int64, flags boolean, moments datetime in UTC, `verdict`, `status` and `check`
    ordered categories, so that `table[table.verdict >= "suspect_reference"]` is what has to be looked at; a
    text that is not there is "". With `expand`, every dimension and hyper-parameter is a column of its own
    besides, as `shape.m` and `params.eps`: numbers where all are numbers. Raises BadInput for what is no
    report.
    """
    path = Path(path)
    path = path / csv.NAME if path.is_dir() else path
    if path.name == groups.NAME:
        return csv.read(path, groups.COLUMNS)
    table = _parquet(path) if path.suffix == ".parquet" else csv.read(path)
    return expanded(table) if expand else table


def _parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    parquet.check()
    if not path.exists():
        raise BadInput(f"{path}: No such file or directory")
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is no Parquet file") from error


def expanded(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table with a column for each dimension and hyper-parameter."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for setting in SETTINGS:
        settings = {text: _parsed(text) for text in table[setting].unique()}
        for name in dict.fromkeys(name for values in settings.values() for name in values):
            values = {text: found.get(name) for text, found in settings.items()}
            cells = table[setting].map(values).astype(object)
            columns[f"{setting}.{name}"] = _as_numbers(cells.where(cells.notna(), None))
    return pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)


def _parsed(text: str) -> dict[str, str]:
    """Read settings as the report spells them; a value that is null has none."""
    return {name: value for name, value in typed(text).items() if value != "null"}


def _as_numbers(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return cells as integers, numbers or flags where all of them are, else as text."""
    import pandas as pd

    found = cells.dropna()
    if found.isin(["true", "false"]).all() and len(found):
        return cells.map({"true": True, "false": False}).astype("boolean")
    try:
        numbers = pd.to_numeric(cells)
    except (ValueError, TypeError):
        return cells.astype("string")
    whole = found.str.fullmatch(r"[+-]?\d+").all()
    return numbers.astype("Int64" if whole else "float64")
