"""The tables in the terminal."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.record import Cells
from runner.report.summary import MOST_FIRST, Summary
from runner.sweep.job import command
from runner.verdicts import VERDICTS

MOST_ROWS = MOST_FIRST  # a longer sweep is read in the CSV


@dataclass(frozen=True)
class Figure:
    """A column of numbers: shown where one of the rows has it."""

    heading: str
    column: str
    form: str
    unit: str = ""

    def spelled(self, value: float | None) -> str:
        """Write a number, or nothing where it was not measured."""
        if value is None:
            return ""
        form = ".1g" if self.unit == "x" and value < 0.1 else self.form
        return f"{value:{form}}{self.unit}"


FIGURES = (
    Figure("max abs error", "max_abs_error", ".3g"),
    Figure("manual ms", "manual_ms", ".4f"),
    Figure("autograd ms", "autograd_ms", ".4f"),
    Figure("speedup", "speedup", ".2f", "x"),
    Figure("peak MB", "peak_memory_mb", ".3g"),
)
STYLES = {
    "exact": "green",
    "correct": "green",
    "unchecked": "cyan",
    "inaccurate": "yellow",
    "suspect_reference": "magenta",
    "unsupported": "dim",
    "invalid": "red",
    "wrong": "bold red",
}


def console() -> Console:
    """Return a console that is as wide as the table needs where no terminal sets the width."""
    width = None if sys.stdout.isatty() else 160
    return Console(width=width, markup=False, highlight=False, emoji=False)


def print_rows(rows: Sequence[Cells], out: Console, *, explained: Sequence[Cells] = ()) -> None:
    """Print one line a row: what, verdict, error, times; below it what went wrong, in words.

    Rows that are `explained` elsewhere are not explained here.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("experiment", "derivation", "wrt", "gradient"):
        table.add_column(heading, no_wrap=True)
    points = _point_columns(rows)
    for heading in points:
        table.add_column(heading, no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    figures = [figure for figure in FIGURES if any(row[figure.column] is not None for row in rows)]
    for figure in figures:
        table.add_column(figure.heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row["experiment"],
            row["derivation"],
            row["wrt"],
            row["gradient_shape"],
            *("" if row[name] is None else str(row[name]) for name in points),
            _verdict(row),
            *(figure.spelled(row[figure.column]) for figure in figures),
        )
    out.print(table)
    elsewhere = {_identity(row) for row in explained}
    for row in rows:
        explanation = row["error"] or row["diagnosis"]
        if explanation and _identity(row) not in elsewhere:
            point = (f"seed {row['seed']}" if name == "seed" else str(row[name]) for name in points)
            where = ", ".join(filter(None, (row["experiment"], row["derivation"], row["wrt"], *point)))
            out.print(Text(f"{where}: {explanation}"), soft_wrap=True)


def print_summary(summary: Summary, reports: Iterable[Path], out: Console) -> None:
    """Print counts by verdict, the worst error, and where the CSV is."""
    out.print(f"{_number_of(summary.rows, 'row')}: ", counted(summary.counts) or "none", sep="")
    if (worst := summary.worst) is not None:
        out.print(
            f"worst error over bound: {worst['error_over_bound']:.3g} ({worst['experiment']} "
            f"{worst['derivation']} {worst['wrt']}, {worst['shape']}, {worst['dtype']}, seed {worst['seed']})"
        )
    for report in reports:
        out.print(f"report: {report}", soft_wrap=True)


def print_odd_lines(count: int, ledger: Path, out: Console) -> None:
    """Say how many lines of a ledger are no records: somebody was killed while writing, or another wrote."""
    are = "is no record, and was" if count == 1 else "are no records, and were"
    out.print(f"{_number_of(count, 'line')} of {ledger} {are} left out", soft_wrap=True)


def print_failures(summary: Summary, config_dir: str | None, out: Console) -> None:
    """Print what the first failing points of a sweep failed of, and the command that runs each alone."""
    out.print(f"{_number_of(summary.failing_points, 'point')} to look at:")
    for row, overrides in summary.failures:
        what = " ".join((f"{_outcome(row)}:", row["experiment"], row["derivation"], row["wrt"])).rstrip()
        said = row["error"] or row["diagnosis"]
        out.print(Text(f"  {what}: {said}" if said else f"  {what}"), soft_wrap=True)
        if overrides:
            out.print(Text(f"    {command(overrides, config_dir)}"), soft_wrap=True)
    if (more := summary.failing_points - len(summary.failures)) > 0:
        out.print(f"  and {more} more: status and verdict in the report")


def counted(counts: Mapping[str, int]) -> Text:
    """Write counts by verdict, from best to worst; what has no verdict comes last."""
    order = sorted(counts, key=lambda name: VERDICTS.index(name) if name in VERDICTS else len(VERDICTS))
    return Text(", ").join(Text(f"{counts[name]} {name}", STYLES.get(name, "red")) for name in order)


def _point_columns(rows: Sequence[Cells]) -> list[str]:
    """Return what tells the points of a sweep apart."""
    candidates = ("shape", "params", "dtype", "device", "seed")
    of_experiment: dict[str, set[tuple[object, ...]]] = {}
    for row in filter(lambda row: row["key"], rows):
        of_experiment.setdefault(row["experiment"], set()).add(tuple(row[c] for c in candidates))
    return [
        name
        for i, name in enumerate(candidates)
        if any(len({point[i] for point in points}) > 1 for points in of_experiment.values())
    ]


def _identity(row: Cells) -> tuple[str, ...]:
    return row["key"], row["derivation"], row["wrt"]


def _outcome(row: Cells) -> str:
    return str(row["verdict"])


def _verdict(row: Cells) -> Text:
    name = _outcome(row)
    return Text(name, style=STYLES.get(name, "red"))


def _number_of(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
