"""The plan of a sweep: which points there are, which are done, which are to run."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.case.spec import Spec
from runner.sweep import ledger
from runner.sweep.grid import Grid, Point
from runner.sweep.job import Job, code_of_judge

Specify = Callable[[Point], Spec]


@dataclass(frozen=True)
class Plan:
    """A sweep before it runs. A point costs one byte here; its specification is made again when it runs."""

    grid: Grid
    specify: Specify
    is_wanted: bytes
    found: int
    interrupted: int
    outdated: int = 0
    changed: str = ""

    @property
    def to_run(self) -> int:
        """The number of points that are to run."""
        return sum(self.is_wanted)

    def jobs(self) -> Iterator[Job]:
        """Yield the points that are to run, in the grid's order."""
        for index in range(self.grid.size):
            if self.is_wanted[index]:
                point = self.grid[index]
                yield Job(index, point.overrides, self.specify(point))

    def __str__(self) -> str:
        total = self.grid.size
        text = f"{total} points: {self.found} found in the ledger, "
        text += f"{total - self.to_run} skipped, {self.to_run} to run"
        if self.interrupted:
            text += f"; {self.interrupted} were under way when a sweep ended"
        if self.outdated:
            text += f"; {self.outdated} run again, for the code of {self.changed} has changed"
        return text


def validated(grid: Grid, specify: Specify) -> tuple[Sequence[int], Sequence[int]]:
    """Return the keys of all points, and the hashes of their settings alone, as numbers.

    Raises UserError for the first point that is not valid.
    """
    keys, points = array("Q"), array("Q")
    for point in grid:
        spec = specify(point)
        keys.append(number(spec.key))
        points.append(number(spec.point))
    return keys, points


def plan(
    grid: Grid,
    specify: Specify,
    identities: tuple[Sequence[int], Sequence[int]],
    before: "Before",
    *,
    retry: bool = True,
) -> Plan:
    """Look up what became of every point before."""
    kept = _kept(retry)
    seen: set[int] = set()
    wanted, outdated = bytearray(grid.size), 0
    for index, (key, point) in enumerate(zip(*identities, strict=True)):
        wanted[index] = before.events.get(key) not in kept and key not in seen  # what stands twice runs once
        outdated += key not in seen and key not in before.events and point in before.points
        seen.add(key)
    found = sum(before.events.get(key) in ledger.FINISHED for key in seen)
    interrupted = sum(before.events.get(key) == "started" for key in seen)
    why = before.what_changed() if outdated else ""
    return Plan(grid, specify, bytes(wanted), found, interrupted, outdated, why)


@dataclass
class Before:
    """What a ledger says since its last fresh start: the last event of each key, and every point there is."""

    events: dict[int, str] = field(default_factory=dict)
    points: set[int] = field(default_factory=set)
    code: list[Mapping[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> "Before":
        """Read a folder's ledger."""
        before = cls()
        for record in ledger.read(folder):
            before._add(record.get("event", ""), record)
        return before

    def _add(self, event: str, record: Mapping[str, Any]) -> None:
        if event == "fresh":
            self.events.clear()
            self.points.clear()
        elif event == "sweep":
            self.code.append(record.get("code", {}))
        elif event in ledger.FINISHED and not record.get("unanswered"):
            self.events[number(record["key"])] = event
            self.points.add(number(record["point"]))
        elif event == "started" or record.get("unanswered"):
            self.events.setdefault(number(record["key"]), "started")

    def what_changed(self) -> str:
        """Say which code is no longer what it was when the sweep ran before."""
        now = code_of_judge()
        changed = [what for what in now if any(then.get(what, now[what]) != now[what] for then in self.code)]
        return " and ".join(changed) or "the formula"


def unrecorded(keys: Sequence[int], folder: Path) -> int:
    """Return how many of the points with these keys the ledger has no result of."""
    return len({*keys} - ledger.recorded(folder))


def done(folder: Path, *, retry: bool) -> set[int]:
    """Return the keys that need not run again."""
    return {key for key, event in Before.read(folder).events.items() if event in _kept(retry)}


def _kept(retry: bool) -> tuple[str, ...]:
    return ("completed", "unsupported") if retry else ledger.FINISHED


def number(key: str) -> int:
    """Read a hash as a number, which takes a third of its memory."""
    return int(key[1:], 16)
