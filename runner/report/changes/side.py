"""One of two reports that are compared: its rows by what they are about, and the blocks of its clock."""

import csv as lines
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.errors import BadInput
from runner.record import Cells
from runner.report import csv
from runner.report.gather import Gathered
from runner.sweep import ledger

Key = tuple[str, ...]
Blocks = tuple[tuple[float, ...], tuple[float, ...]]
"""Milliseconds of a call, block by block, of a derivation and of autograd."""

IDENTITY = ("point", "derivation", "wrt")
SETTINGS = (
    "experiment", "formula", "derivation", "wrt", "dtype", "device", "execution", "shape", "params", "seed",
    "distribution", "upstream",
)  # fmt: skip
"""What says which gradient it is where the hash of the settings does not: in another version's report."""
MACHINE = ("torch_version", "cpu", "gpu", "threads", "host")
FIGURES = (
    "max_abs_error", "error_u", "error_over_bound", "manual_ms", "autograd_ms", "speedup", "peak_memory_mb",
    "saved_mb",
)  # fmt: skip
TEXTS = (*SETTINGS, *MACHINE, "point", "verdict", "diagnosis", "error")


@dataclass
class Side:
    """A report: rows by identity, whose settings are text and figures numbers, and the machines that made it.

    `blocks` and `firsts` have the first row of each derivation and point, of which time and memory are facts.
    """

    path: Path
    rows: dict[Key, Cells] = field(default_factory=dict)
    blocks: dict[Key, Blocks] = field(default_factory=dict)
    firsts: dict[tuple[str, str], Key] = field(default_factory=dict)
    machines: Mapping[str, set[str]] = field(default_factory=lambda: {name: set() for name in MACHINE})

    @property
    def folder(self) -> Path:
        """The folder in which the report lies."""
        return self.path if self.path.is_dir() else self.path.parent

    @classmethod
    def read(cls, path: Path) -> "Side":
        """Read a folder, from its ledger if it has one, or a CSV. Raises BadInput for what is no report."""
        side = cls(path)
        folder = side.folder
        if (folder / ledger.NAME).is_file() and path.name in (folder.name, csv.NAME):
            for record, rows in Gathered(folder):
                for judgement, row in zip(record["judgements"], rows, strict=True):
                    side._add(row, judgement.get("times") or {})
        else:
            for row in _of_csv(path / csv.NAME if path.is_dir() else path):
                side._add(row, {})
        return side

    def _add(self, row: Cells, times: Mapping[str, Any]) -> None:
        key = tuple(str(row.get(name) or "") for name in IDENTITY)
        self.rows[key] = {
            **{name: _text(row.get(name)) for name in TEXTS},
            **{name: _number(row.get(name)) for name in FIGURES},
        }
        self.firsts.setdefault((key[0], key[1]), key)
        for name, seen in self.machines.items():
            if found := _text(row.get(name)):
                seen.add(found)
        if mine := times.get("manual_blocks_ms"):
            blocks = mine, times["autograd_blocks_ms"]
            self.blocks[key] = tuple(tuple(map(float, side)) for side in blocks)  # type: ignore[assignment]


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _number(cell: Any) -> float | None:
    return None if cell in (None, "") else float(cell)


def settings(row: Cells) -> Key:
    """Return what a row is about, in words."""
    return tuple(row[name] for name in SETTINGS)


def pairs(old: Side, new: Side) -> Iterator[tuple[Key | None, Key | None]]:
    """Yield the keys of each row in both reports: by identity, and what that leaves by settings."""
    left = {key: settings(row) for key, row in old.rows.items() if key not in new.rows}
    by_settings = {value: key for key, value in left.items()}
    if len(by_settings) < len(left):  # two of them differ in what no column shows
        by_settings = {}
    for key, row in new.rows.items():
        other = key if key in old.rows else by_settings.pop(settings(row), None)
        left.pop(other, None)  # type: ignore[arg-type]
        yield other, key
    for key in left:
        yield key, None


def _of_csv(path: Path) -> Iterator[Cells]:
    """Yield the rows of a CSV, with figures as they are written; an empty cell is None."""
    columns = len(csv.header(path))
    with path.open(**csv.TEXT) as file:
        for number, cells in enumerate(lines.DictReader(file), 2):
            if None in cells or None in cells.values():
                raise BadInput(f"{path}:{number}: does not have {columns} cells, as the header")
            row: dict[str, Any] = {name: csv.plain(cell) for name, cell in cells.items()}
            row["verdict"] = row["verdict"] or row.get("status")  # before version 3
            row.setdefault("execution", "eager")
            yield row
