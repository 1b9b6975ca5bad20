"""The source of a derivation with a margin: what each line is, what it loses, and where the mistake is."""

import linecache
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from runner.case.spec import Spec, case_of
from runner.diagnose import Statement
from runner.errors import short
from runner.formula.derivation import Derivation
from runner.locate.answer import Answer
from runner.locate.case import small_case
from runner.locate.limit import Clock, OutOfTimeError
from runner.locate.losses import errors_in_u
from runner.locate.place import Line, is_machinery_file
from runner.locate.replay import Side
from runner.locate.trace import Step
from runner.locate.wording import statement

UNKNOWN = "?"
SECONDS = 5
"""What tracing may take."""


@dataclass
class Row:
    """One line of source: its number, what it is, its error in u, whether it is wrong or may be."""

    line: int
    text: str
    what: str = ""
    in_u: float | None = None
    mark: str = ""


@dataclass
class Listing:
    """The functions that a derivation runs, file by file, and what is wrong with it."""

    derivation: str
    files: dict[str, list[Row]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    said: Statement | None = None

    def as_data(self) -> dict[str, Any]:
        """Return what JSON can hold: lines by file, with what is not empty of each."""
        lines = {short(file): [_data(row) for row in rows] for file, rows in self.files.items()}
        return {"files": lines, "said": str(self.said or "")}


def _data(row: Row) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if value not in (None, "")}


def listing(spec: Spec, derivation: Derivation, found: Answer | None) -> Listing:
    """Trace a derivation on a small case, and return its lines; `found` is where it is wrong.

    Raises what the derivation does, and TimeoutError where it does not end.
    """
    try:
        side = Side.of(*small_case(spec, 0), derivation, Clock.of(SECONDS))
    except OutOfTimeError:
        raise TimeoutError(f"it runs for more than {SECONDS} s on a small case") from None
    made = Listing(derivation.name, wrong=side.wrong(side.trace.gradients))
    made.said = statement(found) if found else None
    notes = _notes(side)
    in_u = _errors(spec, derivation) if spec.dtype != "float64" else {}
    marks = _marks(found)
    for file, numbers in _lines(side.trace.steps.values()).items():
        made.files[file] = [
            Row(
                number, linecache.getline(file, number).rstrip(), notes.get((file, number), ""),
                in_u.get((file, number)), marks.get((file, number), ""),
            )
            for number in numbers
        ]  # fmt: skip
    return made


def _notes(side: Side) -> dict[tuple[str, int], str]:
    """Return what the last step of each line makes; a line that is run several times says each."""
    last: dict[tuple[str, int], dict[object, Step]] = {}
    for step in side.trace.steps.values():
        if step.place:
            chain = tuple(line.line for line in step.place[1:])
            last.setdefault((step.place[0].file, step.place[0].line), {})[chain] = step
    notes = {}
    for where, steps in last.items():
        said = dict.fromkeys(_note(side, step) for step in steps.values())
        known = [note for note in said if note != UNKNOWN]
        notes[where] = f"= {', '.join(known[:2])}" if known else UNKNOWN
    return notes


def _note(side: Side, step: Step) -> str:
    matches = side.matches(step.index)
    return str(matches[0]) if matches else UNKNOWN


def _errors(spec: Spec, derivation: Derivation) -> dict[tuple[str, int], float]:
    try:
        found = errors_in_u(case_of(spec), derivation)
    except Exception:  # an operation that PyTorch has not in float64
        return {}
    return {(line.file, line.line): error for line, error in found.items()}


def _marks(found: Answer | None) -> dict[tuple[str, int], str]:
    if found is None:
        return {}
    sure = "wrong" if len(found.places) == 1 else "may be"
    places = found.places or found.between
    return {(place[0].file, place[0].line): sure if found.places else "may be" for place in places if place}


def _lines(steps: Iterable[Step]) -> dict[str, list[int]]:
    """Return the lines of the functions that the steps stand in, by file, from the first that runs."""
    found: dict[str, set[int]] = {}
    for step in steps:
        for line in step.place:
            if not is_machinery_file(line):
                found.setdefault(line.file, set()).update(_function(line))
    return {file: sorted(numbers) for file, numbers in found.items()}


def _function(line: Line) -> range:
    """Return the lines of the function around a line, by its indentation."""
    source = linecache.getlines(line.file)
    if not source:
        return range(line.line, line.line + 1)
    first = line.line
    while first > 1 and not source[first - 1].lstrip().startswith("def "):
        first -= 1
    depth = len(source[first - 1]) - len(source[first - 1].lstrip())
    last = first
    for number in range(first + 1, len(source) + 1):
        text = source[number - 1]
        if text.strip() and len(text) - len(text.lstrip()) <= depth and not text.lstrip().startswith(")"):
            break
        last = number if text.strip() else last
    return range(first, last + 1)
