"""The report as Parquet: the rows of the CSV in their order, with their types, faster to read."""

import importlib.util
from pathlib import Path

from runner.errors import UserError
from runner.place import beside
from runner.report import csv

NAME = "report.parquet"
GROUP = 20_000  # rows that are held, and compressed together


def check() -> None:
    """Raise UserError where the library that it takes is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        raise UserError("report.format=parquet: needs pyarrow, an extra: pip install 'handgrad[parquet]'")


def write(folder: Path) -> Path:
    """Write the rows of a folder's CSV again; no more than GROUP of them are kept."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.Schema.from_pandas(csv.typed([]), preserve_index=False)
    with beside(folder / NAME) as path, pq.ParquetWriter(path, schema, compression="zstd") as file:
        for rows in csv.chunks(folder / csv.NAME, GROUP):
            file.write_table(pa.Table.from_pandas(rows, schema, preserve_index=False))
    return folder / NAME
