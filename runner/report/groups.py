"""`summary.csv`: one row for each formula, derivation, dtype, device and execution, made while rows pass."""

import csv
import statistics
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from runner.place import beside
from runner.record import Cells, Column
from runner.report.counts import Counts
from runner.report.csv import TEXT, neutral, places_of_texts
from runner.report.grown import COSTS, Costs
from runner.verdicts import NOT_RIGHT, OUTCOMES

NAME = "summary.csv"


@dataclass(frozen=True)
class Figure:
    """A column of the summary, and how it is made of the report's column of the same name.

    A time is a fact of a derivation: it counts once for each point, however many inputs it differentiates.
    """

    how: Literal["largest", "median"]
    column: Column


FIGURES = (
    Figure("largest", Column("error_over_bound", float, "largest truth_error / bound")),
    Figure("largest", Column("max_abs_error", float, "largest max |manual - autograd|")),
    Figure("largest", Column("truth_error", float, "largest max |manual - float64 truth|")),
    Figure("largest", Column("error_u", float, "largest relative error", "unit roundoff of the dtype")),
    Figure("median", Column("manual_ms", float, "median over the points", "ms")),
    Figure("median", Column("autograd_ms", float, "median over the points", "ms")),
    Figure("median", Column("forward_ms", float, "median over the points", "ms")),
    Figure("median", Column("speedup", float, "median over the points where all gradients are right")),
    Figure("median", Column("efficiency", float, "median over the points")),
    Figure("largest", Column("peak_memory_mb", float, "peak of what the derivation allocates", "MB")),
    Figure("largest", Column("autograd_peak_memory_mb", float, "peak of what autograd allocates", "MB")),
    Figure("largest", Column("saved_mb", float, "what forward keeps for the derivation", "MB")),
    Figure("largest", Column("autograd_saved_mb", float, "what it keeps for autograd", "MB")),
)
LARGEST = tuple(figure.column.name for figure in FIGURES if figure.how == "largest")
MEDIANS = tuple(figure.column.name for figure in FIGURES if figure.how == "median")
IDENTITY = ("formula", "derivation", "dtype", "device", "execution")
COLUMNS = (
    Column("formula", str, "the formula's file in experiments/"),
    Column("derivation", str, "the hand-derived gradient; empty where forward itself raised"),
    Column("dtype", str, "dtype of inputs and gradient"),
    Column("device", str, "where it ran"),
    Column("execution", str, "how the derivation was executed"),
    Column("verdict", str, "the worst of its rows", "", OUTCOMES),
    Column("points", int, "points of the sweep"),
    Column("rows", int, "rows of the report"),
    Column("not_right", int, "rows that somebody has to look at: suspect_reference and worse"),
    Column("diagnosis", str, "of the first of these; what the code raised where it was not judged"),
    *(figure.column for figure in FIGURES),
    *COSTS.values(),
    Column("worst_point", str, "the point of the largest error_over_bound"),
)


@dataclass
class Group:
    """What is kept of the rows of one identity."""

    points: int = 0
    counts: Counts = field(default_factory=Counts)
    diagnosis: str = ""
    worst: Cells = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    times: Mapping[str, "array[float]"] = field(
        default_factory=lambda: {name: array("d") for name in MEDIANS}
    )

    def add(self, rows: Sequence[Cells]) -> None:
        """Count the rows of one point."""
        self.points += 1
        for row in rows:
            self.counts[row["verdict"]] += 1
            if row["verdict"] in NOT_RIGHT and not self.diagnosis:
                self.diagnosis = row["error"] or row["diagnosis"]
            self._enlarge(row)
        self.costs.add(rows[0])
        for name in MEDIANS:  # what one of the gradients lacks, as the speedup of a wrong one, is none
            if None not in [row[name] for row in rows]:
                self.times[name].append(float(rows[0][name]))

    def _enlarge(self, row: Cells) -> None:
        largest = self.largest
        for name in LARGEST:
            if row[name] is None:
                continue
            value, before = float(row[name]), largest.get(name)
            if before is None or nan_last(value) > nan_last(before):
                largest[name] = value
                if name == "error_over_bound":
                    self.worst = row

    def cells(self) -> dict[str, Any]:
        """Return its row, without its identity."""
        medians = {name: statistics.median(values) for name, values in self.times.items() if values}
        figures = {**self.largest, **{name: float(f"{value:.6g}") for name, value in medians.items()}}
        return {
            "verdict": self.counts.worst,
            "points": self.points,
            "rows": self.counts.total(),
            "not_right": self.counts.not_right,
            "diagnosis": self.diagnosis,
            **{figure.column.name: figures.get(figure.column.name) for figure in FIGURES},
            **self.costs.cells(),
            "worst_point": self.worst.get("point", ""),
        }


class Groups(dict[tuple[str, ...], Group]):
    """The groups by their identity, in the order in which they first appeared."""

    def add(self, rows: Sequence[Cells]) -> None:
        """Count the rows of one point."""
        alike: dict[tuple[str, ...], list[Cells]] = {}
        for row in rows:
            alike.setdefault(tuple(row[name] for name in IDENTITY), []).append(row)
        for identity, of_derivation in alike.items():
            if identity not in self:
                self[identity] = Group()
            self[identity].add(of_derivation)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the summary: those that are not right first, else in their order."""
        found = [
            {**dict(zip(IDENTITY, identity, strict=True)), **group.cells()}
            for identity, group in self.items()
        ]
        return sorted(found, key=lambda row: row["verdict"] not in NOT_RIGHT)


def write(folder: Path, rows: Iterable[Cells]) -> Path:
    """Write the summary."""
    with beside(folder / NAME) as path, path.open("w", **TEXT) as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(column.name for column in COLUMNS)
        lines.writerows(neutral(row, places_of_texts(COLUMNS)) for row in rows)
    return folder / NAME


def nan_last(error: float) -> tuple[bool, float]:
    """Order errors with NaN above all numbers; Python's max() would lose it."""
    return error != error, error
