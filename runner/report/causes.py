"""What went wrong, by cause: rows that say the same are one of them, however many there are."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runner.record import Cells
from runner.report.counts import Counts, place
from runner.verdicts import VERDICTS

MOST_CAUSES = 2000  # that are told apart
FIGURES = re.compile(r"\d[\w.,+\-]*")
NAMED = ("experiment", "derivation", "wrt", "dtype")


@dataclass
class Cause:
    """Rows of one verdict that say the same, but for figures; the first of them speaks for all."""

    first: Cells
    overrides: Sequence[str]
    said: str
    rows: int = 0
    points: int = 0
    seen: dict[str, dict[str, None]] = field(default_factory=lambda: {name: {} for name in NAMED})

    def add(self, row: Cells) -> None:
        """Count a row."""
        self.rows += 1
        for name, values in self.seen.items():
            values[row[name]] = None

    def names(self, column: str) -> list[str]:
        """Return the values of a column, in the order in which they appeared."""
        return [name for name in self.seen[column] if name]


class Causes:
    """Groups rows as they pass; keeps the first of each group.

    Rows that say nothing are counted where their verdict is one of `silent`.
    """

    def __init__(self, silent: Collection[str] = ()) -> None:
        self._silent = silent
        self._causes: dict[tuple[str, ...], Cause] = {}
        self.beyond = Counts()
        """Rows of causes beyond the most that are told apart."""

    def add(self, record: Mapping[str, Any], rows: Iterable[Cells]) -> None:
        """Count the rows of one point."""
        touched: dict[int, Cause] = {}
        for row in rows:
            said = row["error"] or row["diagnosis"]
            if (said or row["verdict"] in self._silent) and (cause := self._cause(row, said, record)):
                cause.add(row)
                touched[id(cause)] = cause
        for cause in touched.values():
            cause.points += 1

    def _cause(self, row: Cells, said: str, record: Mapping[str, Any]) -> Cause | None:
        what = (row["experiment"], row["derivation"]) if row["verdict"] in VERDICTS else ()
        identity = (row["verdict"], *what, FIGURES.sub("#", said))
        if identity not in self._causes:
            if len(self._causes) >= MOST_CAUSES:
                self.beyond[row["verdict"]] += 1
                return None
            self._causes[identity] = Cause(row, record.get("overrides", ()), said)
        return self._causes[identity]

    def of(self, verdicts: Collection[str]) -> list[Cause]:
        """Return the causes of some verdicts: the worst first, and of one verdict those of the most rows."""
        found = [cause for cause in self._causes.values() if cause.first["verdict"] in verdicts]
        return sorted(found, key=lambda c: (-place(c.first["verdict"]), -c.rows))

    def remarks(self, failing: Collection[str] = ()) -> list[Cause]:
        """Return what is said of rows whose verdicts are others than those that fail."""
        return [cause for cause in self._causes.values() if cause.first["verdict"] not in failing]
