"""What a report comes to: counts, the worst error, what failed and of what, and the exit status."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.record import Cells
from runner.report.causes import Causes
from runner.report.groups import Groups, nan_last
from runner.report.row import numeric
from runner.verdicts import OUTCOMES, Verdict

MOST_FIRST = 60  # rows that are kept for printing


class Summary:
    """Counts rows as they pass; keeps few of them."""

    def __init__(self, fail_on: Verdict) -> None:
        self.fail_on = fail_on
        self.rows = 0
        self.counts: Counter[str] = Counter()
        self.groups = Groups()
        self.causes = Causes()
        self._first: list[Cells] = []
        self._worst: Cells | None = None
        self._fails = self._bad_input = False

    def add(self, record: Mapping[str, Any], rows: Sequence[Cells]) -> None:
        """Count the rows of one point."""
        self.rows += len(rows)
        self.counts.update([row["verdict"] for row in rows])
        self.groups.add(rows)
        self._first += rows[: max(0, MOST_FIRST + 1 - len(self._first))]
        self._worst = worst_error(filter(None, (self._worst, *rows)))
        self._bad_input |= bool(record.get("bad_input"))
        failing = [row for row in rows if fails(row, self.fail_on)]
        self._fails |= bool(failing)
        self.causes.add(record, rows, failing)

    @property
    def first(self) -> list[Cells]:
        """The first rows, one more than are printed."""
        return [*map(numeric, self._first)]

    @property
    def worst(self) -> Cells | None:
        """The row that is furthest beyond its bound."""
        return numeric(self._worst) if self._worst else None

    @property
    def exit_status(self) -> int:
        """0, 1 where a row fails, 2 where a point was bad input."""
        return 2 if self._bad_input else int(self._fails)


def fails(row: Cells, fail_on: Verdict) -> bool:
    """Tell whether a row makes the exit status 1."""
    if row["verdict"] == "unsupported":
        return False  # nothing that PyTorch cannot do is the gradient's fault
    return OUTCOMES.index(row["verdict"]) >= OUTCOMES.index(fail_on)


def worst_error(rows: Iterable[Cells]) -> Cells | None:
    """Return the row whose error is furthest beyond its bound, where NaN is larger than any number."""
    measured = [row for row in rows if row["error_over_bound"] is not None]
    return max(measured, key=lambda row: nan_last(row["error_over_bound"]), default=None)
