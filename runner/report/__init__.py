"""What a person reads: the CSV, and the tables in the terminal."""

import json
from collections.abc import Iterator
from pathlib import Path

from runner.compare import Verdict
from runner.environment import environment
from runner.record import Cells
from runner.report import csv, table
from runner.report.gather import Gathered
from runner.report.summary import Summary


def publish(folder: Path, fail_on: Verdict, *, quiet: bool = False) -> int:
    """Make `report.csv` and `environment.json` from a folder's ledger, print, return the exit status."""
    summary = Summary(fail_on)
    gathered = Gathered(folder)
    path = csv.write(folder, _watched(gathered, summary))
    (folder / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n")
    out = table.console()
    listed = summary.failures if gathered.is_sweep or quiet else []
    if not quiet:
        if 0 < summary.rows <= table.MOST_ROWS:
            table.print_rows(summary.first, out, explained=[row for row, _ in listed])
        table.print_summary(summary, path, out)
    if listed:
        table.print_failures(summary, gathered.config_dir, out)
    if gathered.odd_lines:
        table.print_odd_lines(gathered.odd_lines, gathered.path, out)
    return summary.exit_status


def _watched(gathered: Gathered, summary: Summary) -> Iterator[Cells]:
    """Pass rows on, one record at a time, while the summary counts them."""
    for record, rows in gathered:
        summary.add(record, rows)
        yield from rows
