"""What a person reads: the CSV, and the tables in the terminal."""

import json
from pathlib import Path

from runner.compare import VERDICTS
from runner.environment import environment
from runner.record import Row, from_dict
from runner.report import csv, table
from runner.sweep import ledger


def publish(folder: Path, fail_on: str) -> int:
    """Make `report.csv` and `environment.json` from a folder's ledger, print, return the exit status."""
    records = list(ledger.read(folder))
    rows = [from_dict(row) for record in records for row in record["rows"]]
    path = csv.write(folder, rows)
    (folder / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n")
    out = table.console()
    if len(rows) <= table.MOST_ROWS:
        table.print_rows(rows, out)
    table.print_summary(rows, path, out)
    if any(record.get("bad_input") for record in records):
        return 2
    return int(any(fails(row, fail_on) for row in rows))


def fails(row: Row, fail_on: str) -> bool:
    """Tell whether a row makes the exit status 1."""
    return row.status != "completed" or VERDICTS.index(row.verdict) >= VERDICTS.index(fail_on)
