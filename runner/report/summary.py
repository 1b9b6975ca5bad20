"""What a report comes to: counts, the worst error, the first of what failed, and the exit status."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.compare import VERDICTS, Verdict
from runner.record import Cells
from runner.report.row import numeric

MOST_FIRST = 60  # rows that are kept for printing
MOST_FAILURES = 5


class Summary:
    """Counts rows as they pass; keeps few of them."""

    def __init__(self, fail_on: Verdict) -> None:
        self.fail_on = fail_on
        self.rows = 0
        self.counts: Counter[str] = Counter()
        self._first: list[Cells] = []
        self._worst: Cells | None = None
        self.failing_points = 0
        self.failures: list[tuple[Cells, Sequence[str]]] = []
        self._bad_input = False

    def add(self, record: Mapping[str, Any], rows: Sequence[Cells]) -> None:
        """Count the rows of one point."""
        self.rows += len(rows)
        self.counts.update(row["verdict"] or row["status"] for row in rows)
        self._first += rows[: max(0, MOST_FIRST + 1 - len(self._first))]
        self._worst = worst_error(filter(None, (self._worst, *rows)))
        self._bad_input |= bool(record.get("bad_input"))
        failing = [row for row in rows if fails(row, self.fail_on)]
        self.failing_points += bool(failing)
        if failing and len(self.failures) < MOST_FAILURES:
            self.failures.append((numeric(failing[0]), record.get("overrides", ())))

    @property
    def first(self) -> list[Cells]:
        """The first rows, one more than are printed."""
        return [*map(numeric, self._first)]

    @property
    def worst(self) -> Cells | None:
        """The row of the largest error."""
        return numeric(self._worst) if self._worst else None

    @property
    def exit_status(self) -> int:
        """0, 1 where a row fails, 2 where a point was bad input."""
        return 2 if self._bad_input else int(self.failing_points > 0)


def fails(row: Cells, fail_on: Verdict) -> bool:
    """Tell whether a row makes the exit status 1."""
    if row["status"] != "completed":
        return bool(row["status"] != "unsupported")  # nothing that PyTorch cannot do is the gradient's fault
    return VERDICTS.index(row["verdict"]) >= VERDICTS.index(fail_on)


def worst_error(rows: Iterable[Cells]) -> Cells | None:
    """Return the row of the largest error, where NaN is larger than any number."""
    measured = [row for row in rows if row["max_abs_error"] is not None]

    def size(row: Cells) -> tuple[bool, float]:
        error = float(row["max_abs_error"])
        return math.isnan(error), error

    return max(measured, key=size, default=None)
