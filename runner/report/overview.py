"""How a sweep went, by formula and dtype: what is not right in a line each, the others in a count."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from runner.report.counts import Counts, place
from runner.report.fitted import Shown, print_fitted
from runner.report.groups import Groups, nan_last
from runner.report.signs import counted, shown
from runner.verdicts import NOT_RIGHT

MOST_LINES = 20
ALWAYS_SHOWN = frozenset({"inaccurate", *NOT_RIGHT})


@dataclass
class Cell:
    """A formula in a dtype, over all derivations, devices and executions."""

    formula: str
    dtype: str
    counts: Counts = field(default_factory=Counts)
    largest: dict[str, float] = field(default_factory=dict)

    @property
    def badness(self) -> tuple[int, float, tuple[bool, float]]:
        """What cells are sorted by."""
        over = nan_last(self.largest.get("error_over_bound", 0.0))
        return place(self.counts.worst), self.counts.not_right / self.counts.total(), over


def cells(groups: Groups) -> list[Cell]:
    """Return the cells of a report, the worst first."""
    found: dict[tuple[str, str], Cell] = {}
    for identity, group in groups.items():
        formula, _, dtype, *_ = identity
        cell = found.setdefault((formula, dtype), Cell(formula, dtype))
        cell.counts.update(group.counts)
        for name, value in group.largest.items():
            cell.largest[name] = max(cell.largest.get(name, value), value, key=nan_last)
    return sorted(found.values(), key=lambda cell: cell.badness, reverse=True)


def print_overview(groups: Groups, out: Console) -> None:
    """Print a line for each formula and dtype, but those that are right where there are many."""
    found = cells(groups)
    listed = found
    if len(found) > MOST_LINES:
        listed = [cell for cell in found if cell.counts.worst in ALWAYS_SHOWN][:MOST_LINES]
    print_fitted(_columns(listed, out), out)
    if others := Counts(cell.counts.worst for cell in found[len(listed) :]):
        what = "and {:,} more: " if listed else "{:,} pairs of formula and dtype: "
        out.print(Text(what.format(others.total())) + counted(others), soft_wrap=True)


def _columns(listed: Sequence[Cell], out: Console) -> list[Shown]:
    def largest(name: str) -> list[str]:
        return ["" if name not in cell.largest else f"{cell.largest[name]:.3g}" for cell in listed]

    return [
        Shown("formula", [cell.formula for cell in listed]),
        Shown("dtype", [cell.dtype for cell in listed]),
        Shown("worst verdict", [shown(cell.counts.worst, out) for cell in listed]),
        Shown("not right", [f"{cell.counts.not_right}/{cell.counts.total()}" for cell in listed], 1, "right"),
        Shown("error/bound", largest("error_over_bound"), 2, "right"),
        Shown("max abs error", largest("max_abs_error"), 3, "right"),
    ]
