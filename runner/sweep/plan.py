"""The plan of a sweep: which points there are, which are done, which are to run."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.case.spec import Spec
from runner.sweep import ledger
from runner.sweep.grid import Grid, Point
from runner.sweep.job import Job

Specify = Callable[[Point], Spec]


@dataclass(frozen=True)
class Plan:
    """A sweep before it runs. A point costs one byte here; its specification is made again when it runs."""

    grid: Grid
    specify: Specify
    is_wanted: bytes
    found: int
    interrupted: int

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
        return text + (f"; {self.interrupted} were under way when a sweep ended" if self.interrupted else "")


def validated(grid: Grid, specify: Specify) -> Sequence[int]:
    """Return the key of every point, as a number; raises UserError for the first point that is not valid."""
    return array("Q", (number(specify(point).key) for point in grid))


def plan(grid: Grid, specify: Specify, keys: Sequence[int], folder: Path, *, retry: bool = True) -> Plan:
    """Look up what became of every point in the folder's ledger."""
    before = statuses(folder)
    kept = _kept(retry)
    seen: set[int] = set()
    wanted = bytearray(grid.size)
    for index, key in enumerate(keys):
        wanted[index] = before.get(key) not in kept and key not in seen  # what stands twice runs once
        seen.add(key)
    found = sum(before.get(key) in ledger.FINISHED for key in seen)
    interrupted = sum(before.get(key) == "started" for key in seen)
    return Plan(grid, specify, bytes(wanted), found, interrupted)


def statuses(folder: Path) -> dict[int, str]:
    """Return the last event of each key since the ledger's last fresh start."""
    found: dict[int, str] = {}
    for record in ledger.read(folder):
        event = record.get("event", "")
        if event == "fresh":
            found.clear()
        elif event in ledger.FINISHED or (event == "started" and number(record["key"]) not in found):
            found[number(record["key"])] = event
    return found


def done(folder: Path, *, retry: bool) -> set[int]:
    """Return the keys that need not run again."""
    return {key for key, event in statuses(folder).items() if event in _kept(retry)}


def _kept(retry: bool) -> tuple[str, ...]:
    return ("completed",) if retry else ledger.FINISHED


def number(key: str) -> int:
    """Read a hash as a number, which takes a third of its memory."""
    return int(key[1:], 16)
