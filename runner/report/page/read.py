"""Everything that the page shows of a folder, read once from its ledger."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.record import COLUMNS, Cells
from runner.report.causes import Cause, Causes
from runner.report.gather import Gathered
from runner.report.groups import Groups
from runner.report.row import numeric
from runner.sweep.job import command
from runner.verdicts import NOT_RIGHT, OUTCOMES

MOST_ROWS = 200_000  # that a page holds; of more it shows the summary


@dataclass
class Check:
    """How a derivation did in one check: samples looked at, failed, and how near it came to the bound."""

    samples: int = 0
    failed: int = 0
    closest: float | None = None

    def add(self, trace: Mapping[str, Any]) -> None:
        """Count the trace of one judgement."""
        self.samples += int(trace["samples"])
        self.failed += int(trace["failed"])
        if (near := trace.get("closest")) is not None:
            self.closest = max(float(near), self.closest or 0.0)


@dataclass
class Report:
    """A report: its rows, or none of them where there are too many, and what they come to."""

    folder: Path
    typed: Callable[[Sequence[str]], str]
    rows: list[Cells] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    groups: Groups = field(default_factory=Groups)
    causes: Causes = field(default_factory=Causes)
    checks: dict[tuple[str, str], dict[str, Check]] = field(default_factory=dict)
    cells: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Report":
        """Read a folder's ledger."""
        gathered = Gathered(folder)
        return cls.of(folder, gathered, lambda overrides: command(overrides, gathered.config_dir))

    @classmethod
    def of(
        cls,
        folder: Path,
        records: Iterable[tuple[Mapping[str, Any], Sequence[Cells]]],
        typed: Callable[[Sequence[str]], str],
    ) -> "Report":
        """Make a report of records and their rows; `typed` makes a command of a record's overrides."""
        report = cls(folder, typed)
        for record, rows in records:
            report._add(record, rows)
        return report

    @property
    def total(self) -> int:
        """The number of rows of the report, whether or not the page holds them."""
        return self.counts.total()

    def _add(self, record: Mapping[str, Any], rows: Sequence[Cells]) -> None:
        self.groups.add(rows)
        failing = [row for row in rows if row["verdict"] in NOT_RIGHT]
        self.causes.add(record, rows, failing)
        for row, judgement in zip(rows, record["judgements"], strict=True):
            self.counts[row["verdict"]] += 1
            self.cells.setdefault((row["formula"], row["dtype"]), Counter())[row["verdict"]] += 1
            self._count_checks((row["formula"], row["derivation"]), judgement.get("checked", ()))
        if self.total <= MOST_ROWS:
            self.rows += map(numeric, rows)
            self.commands += [self.typed(record.get("overrides", ()))] * len(rows)
        else:
            self.rows, self.commands = [], []

    def _count_checks(self, who: tuple[str, str], traces: Sequence[Mapping[str, Any]]) -> None:
        mine = self.checks.setdefault(who, {}) if traces else {}
        for trace in traces:
            mine.setdefault(trace["check"], Check()).add(trace)

    def failing(self) -> list[Cause]:
        """Return what is not right, by cause, the worst first."""
        return self.causes.failing()

    def command_of(self, cause: Cause) -> str:
        """Return the command that runs the first point of a cause alone."""
        return self.typed(cause.overrides) if cause.overrides else ""

    def columns(self) -> list[str]:
        """Return the columns that any row fills."""
        names = [column.name for column in COLUMNS]
        return [name for name in names if any(row[name] not in (None, "") for row in self.rows)]


def worst(counts: Mapping[str, int]) -> str:
    """Return the worst of several verdicts."""
    return max(counts, key=OUTCOMES.index)
