"""How changes are told: a table in the terminal, Markdown for a pull request, a CSV of all of them."""

import csv as lines
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from runner.place import beside
from runner.report import csv
from runner.report.changes.change import REGRESSIONS, Change, Changes, Kind
from runner.report.changes.side import SETTINGS, Side

MOST = 20  # of a kind that are told one by one
HEADINGS: dict[Kind, str] = {
    "wrong": "got wrong",
    "accuracy": "less accurate",
    "time": "slower",
    "memory": "hungrier",
    "gone": "gone",
    "unclear": "too noisy to tell",
    "mended": "mended",
    "more accurate": "more accurate",
    "faster": "faster",
    "leaner": "leaner",
    "new": "new",
}
"""In the order in which they are told."""
SAME = "the same"
STYLES: dict[Kind, str] = {"wrong": "bold red", "accuracy": "yellow", "time": "yellow", "memory": "yellow"}


def of_kind(found: Changes, kind: Kind) -> list[Change]:
    """Return the changes of a kind, the largest first."""
    mine = [one for one in found.found if one.kind == kind]
    return sorted(mine, key=lambda one: -(one.ratio or 0)) if kind in REGRESSIONS else mine


def headline(found: Changes) -> str:
    """Say in one line how much is the same, and how much is what else."""
    counts = Counter(one.kind for one in found.found)
    told = [f"{counts[kind]} {heading}" for kind, heading in HEADINGS.items() if counts[kind]]
    rows = len(found.new.rows)
    return "; ".join([f"{found.same} of {rows} rows are the same" if told else f"{rows} rows: {SAME}", *told])


def remarks(found: Changes) -> Iterator[str]:
    """Say what was not compared, and why."""
    if found.machines:
        yield "the machines differ: " + "; ".join(found.machines)
    if found.untimed:
        yield "so times are not compared; --across-machines compares them beside autograd's"
        return
    lacking = [name for name, side in (("old", found.old), ("new", found.new)) if _lacks_blocks(side)]
    if lacking:
        yield (
            f"times are not compared: the {' and the '.join(lacking)} report has no blocks of the clock; "
            "they stand in the ledger, which belongs beside it"
        )


def _lacks_blocks(side: Side) -> bool:
    return not side.blocks and any(row["manual_ms"] for row in side.rows.values())


def what(change: Change) -> str:
    """Return which gradient a change is of, as short as it can be told apart."""
    row = change.row
    parts = ("experiment", "derivation", "wrt", "shape", "params", "dtype")
    said = " ".join(row[name] for name in parts if row[name])
    mode = "" if row["execution"] in ("eager", "") else f" {row['execution']}"
    return f"{said}{mode} seed {row['seed']}"


def show(found: Changes, out: Console) -> None:
    """Print what changed, the worst first."""
    for remark in remarks(found):
        out.print(Text(remark, "yellow"), soft_wrap=True)
    for kind, heading in HEADINGS.items():
        mine = of_kind(found, kind)
        if not mine or kind == "unclear":
            continue
        out.print(Text(f"{heading}: {len(mine)}", STYLES.get(kind, "")))
        for one in mine[:MOST]:
            out.print(Text(f"  {what(one)}: {one.said}"), soft_wrap=True)
        if len(mine) > MOST:
            out.print(f"  and {len(mine) - MOST} more: --csv has them all")
    out.print(headline(found), soft_wrap=True)


def markdown(found: Changes) -> str:
    """Return what changed as it goes into a pull request."""
    parts = [f"**{headline(found)}**", *remarks(found)]
    for kind, heading in HEADINGS.items():
        mine = of_kind(found, kind)
        if not mine or kind == "unclear":
            continue
        body = [f"| {_cell(what(one))} | {_cell(one.said)} |" for one in mine[:MOST]]
        more = [f"| and {len(mine) - MOST} more | |"] if len(mine) > MOST else []
        parts.append("\n".join([f"| {heading} | |", "| --- | --- |", *body, *more]))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    """Escape what would end a cell, or be markup."""
    return "".join(f"\\{c}" if c in r"\|`*_<>[]#" else c for c in text)


def write(found: Changes, path: Path) -> None:
    """Write every change as a row of a CSV."""
    with beside(path) as unfinished, unfinished.open("w", **csv.TEXT) as file:
        writer = lines.writer(file, lineterminator="\n")
        writer.writerow(("change", "regression", "ratio", "said", *SETTINGS, "point"))
        for one in sorted(found.found, key=place):
            figures = {"change": one.kind, "regression": one.kind in found.limits, "ratio": one.ratio}
            settings = {name: one.row[name] for name in (*SETTINGS, "point")}
            cells = {**figures, "said": one.said, **settings}
            writer.writerow(csv.neutral(cells, range(len(figures), len(cells))))


def place(change: Change) -> int:
    """Return the place of a change in the order in which changes are told."""
    return [*HEADINGS].index(change.kind)
