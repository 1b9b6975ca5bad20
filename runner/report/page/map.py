"""The map of verdicts by formula and dtype: of one report, or of two beside each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.report.counts import Counts
from runner.report.groups import Groups
from runner.report.plots import order
from runner.verdicts import OUTCOMES

FILTERS = ("device", "execution")
ByFormula = Mapping[tuple[str, str], Counts]
"""By formula and dtype."""


@dataclass(frozen=True)
class Cell:
    """The worst verdict of each side, once where it is the same, and all of them in words."""

    verdicts: Sequence[str]
    told: str


@dataclass(frozen=True)
class Map:
    """Cells by formula and dtype."""

    formulas: Sequence[str]
    dtypes: Sequence[str]
    cells: Mapping[tuple[str, str], Cell]

    @classmethod
    def of(cls, sides: Mapping[str, ByFormula]) -> "Map":
        """Return the map of sides by their names; that of a single one is empty."""
        keys = {key for side in sides.values() for key in side}
        formulas, dtypes = sorted({formula for formula, _ in keys}), sorted({d for _, d in keys}, key=order)
        return cls(formulas, dtypes, {key: _cell(sides, key) for key in keys})


def _cell(sides: Mapping[str, ByFormula], key: tuple[str, str]) -> Cell:
    mine = {name: side[key] for name, side in sides.items() if key in side}
    told = (f"{name} {_told(counts)}".strip() for name, counts in mine.items())
    return Cell([*dict.fromkeys(counts.worst for counts in mine.values())], "; ".join(told))


def _told(counts: Counts) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.ordered())


def by_device(groups: Groups, shown: Map) -> Mapping[str, Any] | None:
    """Return what the script shows the map of one device or execution with; None where there is but one."""
    found: dict[tuple[str, ...], Counts] = {}
    for (formula, _, dtype, device, execution), group in groups.items():
        found.setdefault((formula, dtype, device, execution), Counts()).update(group.counts)
    if len({identity[2:] for identity in found}) < 2:
        return None
    names = ("formula", "dtype", *FILTERS)
    return {
        "formulas": shown.formulas,
        "dtypes": shown.dtypes,
        "filters": FILTERS,
        "verdicts": OUTCOMES,
        "groups": [{**dict(zip(names, who, strict=True)), "counts": counts} for who, counts in found.items()],
    }
