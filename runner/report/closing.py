"""What is printed of a report, from its rows to its last line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.text import Text

from runner.record import Cells
from runner.report.causes import Cause
from runner.report.overview import print_overview
from runner.report.signs import counted, number_of, shown
from runner.report.summary import MOST_FIRST, Summary
from runner.report.table import point_columns, print_rows
from runner.sweep.job import command

MOST_ROWS = MOST_FIRST  # a longer sweep is read in the CSV
MOST_LISTED = 10  # causes


def print_remarks(causes: Iterable[Cause], out: Console, points: Sequence[str] = ()) -> None:
    """Print what is said of rows that are listed above."""
    for cause in causes:
        if cause.said:
            out.print(Text(f"{_who(cause, ', ', points)}: {cause.said}"), soft_wrap=True)


def print_notes(rows: Iterable[Cells], out: Console) -> None:
    """Print what else is worth knowing of the rows of a single run, each note once."""
    whose: dict[str, list[str]] = {}
    for row in rows:
        whose.setdefault(row["notes"] or "", []).append(f"{row['derivation']} {row['wrt']}".strip())
    for note, gradients in whose.items():
        of = "" if len(whose) == 1 else f" ({_few(gradients)})"
        if note:
            out.print(Text(f"note{of}: {note}"), soft_wrap=True)


def print_causes(failing: Sequence[Cause], beyond: int, config_dir: str | None, out: Console) -> None:
    """Print what a sweep failed of, each cause once, with the command that runs its first point alone.

    `beyond` is the number of rows of causes that were too many to be told apart.
    """
    rows = sum(cause.rows for cause in failing) + beyond
    out.print(f"{number_of(rows, 'row')} to look at, {number_of(len(failing), 'cause')}:")
    for cause in islice(failing, MOST_LISTED):
        line = Text("  ") + shown(cause.first["verdict"], out) + f": {_who(cause, ' ')}"
        out.print(line + (f": {cause.said}" if cause.said else ""), soft_wrap=True)
        if cause.overrides:
            out.print(Text(f"      {command(cause.overrides, config_dir)}"), soft_wrap=True)
    if others := failing[MOST_LISTED:]:
        rows = sum(cause.rows for cause in others) + beyond
        left = number_of(len(others), "other cause")
        out.print(f"  {left}, in {number_of(rows, 'row')}: these stand first in the report")


def _who(cause: Cause, separator: str, points: Sequence[str] = ()) -> str:
    """Name the gradients that say the same, and how many they are."""
    several = cause.rows > 1
    names = (cause.names(column) for column in ("experiment", "derivation", "wrt"))
    who = [name if len(found) == 1 else _few(found) for found in names if (name := found[0] if found else "")]
    if several:
        points_ = f" in {number_of(cause.points, 'point')}" if cause.points > 1 else ""
        dtypes = cause.names("dtype")
        how_many = f"{number_of(cause.rows, 'row')}{points_}" + (f"; {', '.join(dtypes)}" if dtypes else "")
        return f"{separator.join(who)} ({how_many})"
    first = cause.first
    who += [f"seed {first[name]}" if name == "seed" else str(first[name]) for name in points if first[name]]
    return separator.join(who)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} others"


def print_summary(summary: Summary, reports: Iterable[Path], out: Console) -> None:
    """Print counts by verdict, where the report is, and what is furthest beyond its bound."""
    counts = counted(summary.counts) if summary.rows else Text("none")
    out.print(Text(f"{number_of(summary.rows, 'row')}: ") + counts, soft_wrap=True)
    for report in reports:
        out.print(f"report: {report}", soft_wrap=True)
    if (worst := summary.worst) is not None:
        where = " ".join(worst[name] for name in ("experiment", "derivation", "wrt"))
        how = ", ".join(
            filter(None, (worst["shape"], worst["params"], worst["dtype"], f"seed {worst['seed']}"))
        )
        out.print(f"worst error over bound: {worst['error_over_bound']:.3g} ({where}, {how})", soft_wrap=True)


@dataclass(frozen=True)
class Sweep:
    """Whether a report is that of a sweep, where its YAML comes from, and whether only failures are told."""

    is_sweep: bool
    config_dir: str | None
    quiet: bool


def print_report(summary: Summary, reports: Iterable[Path], sweep: Sweep, out: Console) -> None:
    """Print rows where they are few, a sweep by formula and dtype, what went wrong, and what it comes to."""
    failing = summary.causes.of(summary.failing)
    rows = summary.first if 0 < summary.rows <= MOST_ROWS and not sweep.quiet else []
    if rows:
        print_rows(rows, out)
        here = [] if sweep.is_sweep else failing
        print_remarks([*summary.causes.remarks(summary.failing), *here], out, point_columns(rows))
        if not sweep.is_sweep:
            print_notes(rows, out)
    if sweep.is_sweep and not sweep.quiet:
        print_overview(summary.groups, out)
    if failing and (sweep.is_sweep or sweep.quiet):
        beyond = sum(summary.causes.beyond[name] for name in summary.failing)
        print_causes(failing, beyond, sweep.config_dir, out)
    if not sweep.quiet:
        print_summary(summary, reports, out)


def print_odd_lines(count: int, ledger: Path, out: Console) -> None:
    """Say how many lines of a ledger are no records: somebody was killed while writing, or another wrote."""
    are = "is no record, and was" if count == 1 else "are no records, and were"
    out.print(f"{number_of(count, 'line')} of {ledger} {are} left out", soft_wrap=True)
