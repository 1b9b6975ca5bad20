"""Results of a test run, by test: each process writes its own file, and one of them makes the report."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.doors.result import Result
from runner.environment import environment
from runner.record import Cells
from runner.report import csv
from runner.report.page import write as page
from runner.report.page.read import Report
from runner.report.row import rows

PART = "collected-*.jsonl"


class Collector:
    """Writes the records of one process as they come, each beside the test that made it."""

    def __init__(self, folder: Path, process: str) -> None:
        self._path = folder / PART.replace("*", process)
        self.test = ""

    def __call__(self, result: Result) -> None:
        """Append what a result is made of."""
        with self._path.open("a", encoding="utf-8") as file:
            for record in result.records:
                file.write(json.dumps({"test": self.test, "record": record}, default=str) + "\n")


def begin(folder: Path) -> None:
    """Make the folder, and remove what an earlier run left in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob(PART):
        part.unlink()


def finish(folder: Path) -> Path:
    """Make the report of what all processes collected, in the order of the tests' names."""
    lines = [json.loads(line) for part in folder.glob(PART) for line in part.read_text("utf-8").splitlines()]
    lines.sort(key=lambda line: str(line["test"]))
    path = csv.write(folder, (row for _, found in _records(lines) for row in found))
    (folder / "environment.json").write_text(json.dumps(environment(), indent=2) + "\n")
    (folder / page.NAME).write_text(page.html(Report.of(folder, _records(lines), _command)), encoding="utf-8")
    for part in folder.glob(PART):
        part.unlink()
    return path


def _records(lines: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Sequence[Cells]]]:
    """Yield each record with its rows, in which a test stands for the experiment."""
    for line in lines:
        found = rows(line["record"])
        named = [{**row, "experiment": line["test"] or row["experiment"]} for row in found]
        yield {**line["record"], "overrides": [line["test"]]}, named


def _command(test: Sequence[str]) -> str:
    """Return the command that runs a test alone."""
    return shlex.join(["pytest", *test])
