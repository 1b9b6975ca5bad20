"""What went wrong, by cause: rows that say the same are one of them, however many there are."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runner.record import Cells
from runner.verdicts import OUTCOMES, VERDICTS

MOST_CAUSES = 2000  # that are told apart
FIGURES = re.compile(r"\d[\w.,+\-]*")
NAMED = ("experiment", "derivation", "wrt", "dtype")


@dataclass
class Cause:
    """Rows of one verdict that say the same, but for figures; the first of them speaks for all."""

    first: Cells
    overrides: Sequence[str]
    said: str
    fails: bool
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
    """Groups rows as they pass; keeps the first of each group."""

    def __init__(self) -> None:
        self._causes: dict[tuple[str, ...], Cause] = {}
        self.beyond = 0
        """Rows that fail, of causes beyond the most that are told apart."""

    def add(self, record: Mapping[str, Any], rows: Iterable[Cells], failing: Iterable[Cells]) -> None:
        """Count the rows of one point that fail, or that say something."""
        fail = {id(row) for row in failing}
        touched: dict[int, Cause] = {}
        for row in rows:
            said = row["error"] or row["diagnosis"]
            is_told = said or id(row) in fail
            if is_told and (cause := self._cause(row, said, record, fails=id(row) in fail)):
                cause.add(row)
                touched[id(cause)] = cause
        for cause in touched.values():
            cause.points += 1

    def _cause(self, row: Cells, said: str, record: Mapping[str, Any], *, fails: bool) -> Cause | None:
        what = (row["experiment"], row["derivation"]) if row["verdict"] in VERDICTS else ()
        identity = (row["verdict"], str(fails), *what, FIGURES.sub("#", said))
        if identity not in self._causes:
            if len(self._causes) >= MOST_CAUSES:
                self.beyond += fails
                return None
            self._causes[identity] = Cause(row, record.get("overrides", ()), said, fails)
        return self._causes[identity]

    def failing(self) -> list[Cause]:
        """Return the causes of what fails: the worst first, and of one verdict those of the most rows."""
        found = [cause for cause in self._causes.values() if cause.fails]
        return sorted(found, key=lambda c: (-OUTCOMES.index(c.first["verdict"]), -c.rows))

    def remarks(self) -> list[Cause]:
        """Return what is said of rows that do not fail."""
        return [cause for cause in self._causes.values() if not cause.fails]
