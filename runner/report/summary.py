"""What a report comes to: counts, the worst error, what failed and of what, and the exit status."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.record import Cells
from runner.report.causes import Causes
from runner.report.counts import Counts
from runner.report.groups import Groups, nan_last
from runner.report.row import numeric
from runner.verdicts import NOT_RIGHT, OUTCOMES, Verdict

MOST_FIRST = 60  # rows that are kept for printing


class Summary:
    """Counts rows as they pass; keeps few of them."""

    def __init__(self, fail_on: Verdict) -> None:
        self.failing = failing_from(fail_on)
        self.rows = 0
        self.counts = Counts()
        self.groups = Groups()
        self.causes = Causes(silent=self.failing | NOT_RIGHT)
        self._first: list[Cells] = []
        self._worst: Cells | None = None
        self._bad_input = False

    def add(self, record: Mapping[str, Any], rows: Sequence[Cells]) -> None:
        """Count the rows of one point."""
        self.rows += len(rows)
        self.counts.update([row["verdict"] for row in rows])
        self.groups.add(rows)
        self._first += rows[: max(0, MOST_FIRST + 1 - len(self._first))]
        self._worst = worst_error(filter(None, (self._worst, *rows)))
        self._bad_input |= bool(record.get("bad_input"))
        self.causes.add(record, rows)

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
        return 2 if self._bad_input else int(any(self.counts[name] for name in self.failing))


def failing_from(fail_on: Verdict) -> frozenset[str]:
    """Return the verdicts that make the exit status 1; what PyTorch cannot do is no fault of a gradient."""
    return frozenset(OUTCOMES[OUTCOMES.index(fail_on) :]) - {"unsupported"}


def worst_error(rows: Iterable[Cells]) -> Cells | None:
    """Return the row whose error is furthest beyond its bound, where NaN is larger than any number."""
    measured = [row for row in rows if row["error_over_bound"] is not None]
    return max(measured, key=lambda row: nan_last(row["error_over_bound"]), default=None)
