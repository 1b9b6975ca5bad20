"""Makes everything that a folder's ledger gives: files, and what is printed."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.environment import environment
from runner.record import Cells
from runner.report import closing, csv, formats, groups
from runner.report.gather import Gathered
from runner.report.page.read import Report
from runner.report.signs import console
from runner.report.summary import Summary
from runner.verdicts import Verdict

ENVIRONMENT = "environment.json"
Keeper = Callable[[Mapping[str, Any], Sequence[Cells]], None]
"""Takes a record and its rows."""


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
    gathered, summary = Gathered(folder), Summary(fail_on)
    report = Report(folder, summary, gathered.command)
    keepers = [summary.add, report.add] if {*also} & formats.OF_ROWS else [summary.add]
    path = csv.write(folder, _watched(gathered, keepers))
    groups.write(folder, summary.groups.rows())
    if ran_here or not (folder / ENVIRONMENT).exists():
        (folder / ENVIRONMENT).write_text(json.dumps(environment(), indent=2) + "\n")
    made = formats.write(report, also)
    out = console()
    sweep = closing.Sweep(gathered.is_sweep, gathered.config_dir, quiet)
    closing.print_report(summary, [path, *made], sweep, out)
    if gathered.odd_lines:
        closing.print_odd_lines(gathered.odd_lines, gathered.path, out)
    return summary.exit_status


def _watched(gathered: Gathered, keepers: Iterable[Keeper]) -> Iterator[Cells]:
    """Pass rows on, one record at a time, while others count or keep them."""
    for record, rows in gathered:
        for add in keepers:
            add(record, rows)
        yield from rows
