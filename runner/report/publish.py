"""Makes everything that a folder's ledger gives: files, and what is printed."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from runner.environment import environment
from runner.record import Cells
from runner.report import closing, csv, formats, groups
from runner.report.gather import Gathered
from runner.report.signs import console
from runner.report.summary import Summary
from runner.verdicts import Verdict

ENVIRONMENT = "environment.json"


def publish(
    folder: Path,
    fail_on: Verdict,
    *,
    also: Collection[str] = ("csv",),
    quiet: bool = False,
    ran_here: bool = True,
) -> int:
    """Make the files of a report from a folder's ledger, print, return the exit status.

    `environment.json` describes where the sweep ran: one that is there stays, unless it `ran_here` just now.
    """
    summary = Summary(fail_on)
    gathered = Gathered(folder)
    path = csv.write(folder, _watched(gathered, summary))
    groups.write(folder, summary.groups.rows())
    made = formats.write(folder, also)
    if ran_here or not (folder / ENVIRONMENT).exists():
        (folder / ENVIRONMENT).write_text(json.dumps(environment(), indent=2) + "\n")
    out = console()
    sweep = closing.Sweep(gathered.is_sweep, gathered.config_dir, quiet)
    closing.print_report(summary, [path, *made], sweep, out)
    if gathered.odd_lines:
        closing.print_odd_lines(gathered.odd_lines, gathered.path, out)
    return summary.exit_status


def _watched(gathered: Gathered, summary: Summary) -> Iterator[Cells]:
    """Pass rows on, one record at a time, while the summary counts them."""
    for record, rows in gathered:
        summary.add(record, rows)
        yield from rows
