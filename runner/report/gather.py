"""The rows of a folder, in order, from its ledger; none is kept."""

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runner.record import Cells
from runner.report.row import rows
from runner.sweep import ledger
from runner.sweep.job import command


class Gathered:
    """The last record of each point since the last fresh start, in the order of the sweep's grid.

    A point whose formula has changed has several records; the newest counts. What is kept of each point is a
    place in the file.
    """

    def __init__(self, folder: Path) -> None:
        self.path = ledger.checked(folder)
        self.is_sweep, self.config_dir = False, None
        self.odd_lines = 0
        self._slots: dict[int, int] = {}
        self._places, self._indices = array("q"), array("q")
        for place, record in ledger.heads(self.path):
            if record is None:
                self.odd_lines += 1
            else:
                self._note(place, record)

    def _note(self, place: int, record: dict[str, Any]) -> None:
        event = record["event"]
        if event == "fresh":
            self._slots, self._places, self._indices = {}, array("q"), array("q")
        elif event == "sweep":
            self.is_sweep, self.config_dir = True, record.get("config_dir")
        elif event in ledger.FINISHED:
            slot = self._slots.setdefault(int(record["point"][1:], 16), len(self._places))
            if slot == len(self._places):
                self._places.append(0)
                self._indices.append(0)
            self._places[slot], self._indices[slot] = place, record["index"]

    def command(self, overrides: Sequence[str]) -> str:
        """Return the command that runs a point alone."""
        return command(overrides, self.config_dir)

    def __iter__(self) -> Iterator[tuple[dict[str, Any], Sequence[Cells]]]:
        """Yield each record and its rows, whose figures are as they were written."""
        order = sorted(range(len(self._places)), key=lambda slot: (self._indices[slot], self._places[slot]))
        if not order:
            return
        with self.path.open("rb") as file:
            for slot in order:
                file.seek(self._places[slot])
                if record := ledger.parsed(file.readline(), ledger.AS_WRITTEN):
                    yield record, rows(record)
                else:
                    self.odd_lines += 1
