"""What a door gives back: rows as in a report, which are true or false, and print themselves."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.console import Console

from runner.record import Cells
from runner.report import csv
from runner.report.causes import Causes
from runner.report.closing import print_remarks
from runner.report.counts import Counts
from runner.report.row import numeric, rows
from runner.report.signs import counted
from runner.report.summary import failing_from
from runner.report.table import point_columns, print_rows
from runner.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 160
FIRST = (
    "experiment",
    "derivation",
    "wrt",
    "dtype",
    "verdict",
    "max_abs_error",
    "truth_error",
    "bound",
    "diagnosis",
)
"""The columns that a notebook shows."""


class Result:
    """The rows of one or several judgements: false if one of them is not right, or if there are none.

    `rows` are those of a report, column by column; `records` what a ledger would hold. `beside` is what other
    tests say, by their name.
    """

    def __init__(
        self,
        records: Iterable[Mapping[str, Any]],
        *,
        varied: str = "",
        refused: Sequence[str] = (),
        beside: Mapping[str, str] | None = None,
        fail_on: Verdict = "suspect_reference",
        listed: Callable[[], str] = str,
    ) -> None:
        self.records, self.varied, self.refused = [*records], varied, [*refused]
        self.beside, self.fail_on = dict(beside or {}), fail_on
        self._listed = listed

    @cached_property
    def rows(self) -> list[Cells]:
        """One row for each gradient and dtype, with the columns of a report."""
        return [numeric(row) for record in self.records for row in rows(record)]

    @property
    def failing(self) -> list[Cells]:
        """The rows that are not right."""
        failing = failing_from(self.fail_on)
        return [row for row in self.rows if row["verdict"] in failing]

    def __bool__(self) -> bool:
        judged = any(row["status"] == "completed" for row in self.rows)
        return judged and not self.failing and all(said == "passed" for said in self.beside.values())

    def explain(self) -> str:
        """Return the source of each derivation with a margin: what each line is, and which one is wrong."""
        return self._listed()

    def to_frame(self) -> "pd.DataFrame":
        """Return the rows as a table with the types of a report's columns."""
        return csv.typed(self.rows)

    def __str__(self) -> str:
        out = Console(file=io.StringIO(), width=WIDTH, markup=False, highlight=False, emoji=False)
        print_rows(self.rows, out)
        causes = Causes()
        causes.add({}, self.rows)
        print_remarks(causes.remarks(), out, point_columns(self.rows))
        counts = Counts(row["verdict"] for row in self.rows)
        out.print(f"checked: {self.rows[0]['check'] if self.rows else 'nothing'}; ", counted(counts), sep="")
        for line in self._lines():
            out.print(line, soft_wrap=True)
        assert isinstance(out.file, io.StringIO)
        lines = [line.rstrip() for line in out.file.getvalue().splitlines()]
        return "\n".join(
            line for i, line in enumerate(lines) if line or i
        )  # the table begins with a blank one

    __repr__ = __str__

    def _lines(self) -> Iterable[str]:
        for row in self.failing:
            if row["truth_error"] is not None and not row["truth_error"] <= row["bound"]:
                yield (
                    f"{row['wrt']} {row['dtype']}: furthest off at {row['worst_index']}: "
                    f"{row['manual_at_worst']:.6g}, right is {row['reference_at_worst']:.6g}"
                )
        for note in dict.fromkeys(row["notes"] for row in self.rows if row["notes"]):
            yield f"note: {note}"
        yield f"dimensions: {self.varied or 'none that could be varied'}"
        yield from (f"another size was refused: {reason}" for reason in self.refused)
        yield from (f"torch.library.opcheck {name}: {said}" for name, said in self.beside.items())

    def _repr_html_(self) -> str:
        frame = self.to_frame()[[*FIRST]]
        html: str = frame.to_html(index=False, na_rep="", notebook=True)
        return html
