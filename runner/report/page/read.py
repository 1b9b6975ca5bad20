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


Typed = Callable[[Sequence[str]], str]


@dataclass
class Report:
    """A report: its rows, or none of them where there are too many, its checks, and what they come to.

    `typed` makes a command of a record's overrides; each row has it as `command`.
    """

    folder: Path
    summary: Summary
    typed: Typed
    rows: list[Cells] = field(default_factory=list)
    checks: dict[tuple[str, str], dict[str, Check]] = field(default_factory=dict)

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
            self._count_checks((row["formula"], row["derivation"]), judgement.get("checked", ()))
        if self.summary.rows <= MOST_ROWS:
            command = self.typed(record.get("overrides", ()))
            self.rows += [{**numeric(row), "command": command} for row in rows]
        else:
            self.rows = []

    def _count_checks(self, who: tuple[str, str], traces: Sequence[Mapping[str, Any]]) -> None:
        mine = self.checks.setdefault(who, {}) if traces else {}
        for trace in traces:
            mine.setdefault(trace["check"], Check()).add(trace)


def environment(folder: Path) -> dict[str, str]:
    """Return what is known of software and machine; nothing where the file is not there, or is damaged."""
    try:
        found = json.loads((folder / "environment.json").read_text())
    except (OSError, ValueError):
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {name.replace("_", " "): str(value) for name, value in items if value not in (None, "")}
