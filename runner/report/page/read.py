"""Everything that the page shows of a folder, gathered while its rows pass."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.record import Cells
from runner.report.gather import Gathered
from runner.report.row import numeric
from runner.report.summary import Summary
from runner.verdicts import NOT_RIGHT

MOST_ROWS = 200_000  # that a page holds; of more it shows those that are not right, and the summary


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


Typed = Callable[[Sequence[str]], str]


@dataclass
class Report:
    """A report: its rows, its checks, and what they come to; where it `is_cut`, the rows that are not right.

    `typed` makes a command of a record's overrides; each row has it as `command`.
    """

    folder: Path
    summary: Summary
    typed: Typed
    rows: list[Cells] = field(default_factory=list)
    checks: dict[tuple[str, str], dict[str, Check]] = field(default_factory=dict)
    listings: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # by formula and derivation
    is_cut: bool = False

    @property
    def all_rows(self) -> list[Cells]:
        """The rows, where they are all there: what is drawn is not to be of the wrong ones alone."""
        return [] if self.is_cut else self.rows

    @classmethod
    def read(cls, folder: Path) -> "Report":
        """Read a folder's ledger."""
        gathered = Gathered(folder)
        return cls.of(folder, gathered, gathered.command)

    @classmethod
    def of(
        cls, folder: Path, records: Iterable[tuple[Mapping[str, Any], Sequence[Cells]]], typed: Typed
    ) -> "Report":
        """Make a report of records and their rows."""
        report = cls(folder, Summary("suspect_reference"), typed)
        for record, rows in records:
            report.summary.add(record, rows)
            report.add(record, rows)
        return report

    def add(self, record: Mapping[str, Any], rows: Sequence[Cells]) -> None:
        """Keep the rows of one point, which the summary has counted."""
        for row, judgement in zip(rows, record["judgements"], strict=True):
            if found := judgement.get("listing"):
                self.listings[f"{row['formula']} {row['derivation']}"] = found
            self._count_checks((row["formula"], row["derivation"]), judgement.get("checked", ()))
        if self.summary.rows > MOST_ROWS and not self.is_cut:
            self.is_cut, self.rows = True, [*filter(_is_not_right, self.rows)]
        wanted = [*filter(_is_not_right, rows)] if self.is_cut else rows
        if wanted and len(self.rows) < MOST_ROWS:
            command = self.typed(record.get("overrides", ()))
            self.rows += [{**numeric(row), "command": command} for row in wanted]

    def _count_checks(self, who: tuple[str, str], traces: Sequence[Mapping[str, Any]]) -> None:
        mine = self.checks.setdefault(who, {}) if traces else {}
        for trace in traces:
            mine.setdefault(trace["check"], Check()).add(trace)


def _is_not_right(row: Cells) -> bool:
    return row["verdict"] in NOT_RIGHT


def environment(folder: Path) -> dict[str, str]:
    """Return what is known of software and machine; nothing where the file is not there, or is damaged."""
    try:
        found = json.loads((folder / "environment.json").read_text())
    except (OSError, ValueError):
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {name.replace("_", " "): str(value) for name, value in items if value not in (None, "")}
