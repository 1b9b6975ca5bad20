"""What an answer says, as statements."""

from typing import Any

from runner.diagnose import Statement, say
from runner.locate.answer import Answer
from runner.locate.place import Line, Place

WHY = {
    "time": "the time that it may take has passed",
    "right_here": "the gradient is right on the small cases that are searched",
    "control_flow": "control flow, or Python numbers, decide what is done",
    "several": "several steps may be wrong, or there are two mistakes",
    "several_repairs": "changes at several lines repair it",
    "between": "the steps before the first that is known to be wrong are not recognised",
    "no_source": "there is no source",
    "raises": "the derivation raises on the small cases that are searched",
    "another": "an input has no gradient at all",
}


def statement(answer: Answer) -> Statement:
    """Return what an answer says, as data."""
    if answer.kind == "nowhere":
        lines = sorted(
            (place[0] for place in answer.between if place), key=lambda line: (line.file, line.line)
        )
        first, last = (lines[0], lines[-1]) if lines else (None, None)
        apart = str(first) != str(last)
        between = say("between", first=str(first), last=str(last)) if apart else None
        return say("not_located", why=WHY[answer.reason], between=between)
    place, *others = answer.places
    other = say("or_at", place=spelled(others[0])) if others else None
    if answer.kind == "repair":
        figures = {"change": answer.repair, "text": answer.text, "seeds": answer.seeds, "other": other}
        return say("repaired_at", place=spelled(place), at=_elsewhere(answer.changed, place), **figures)
    if answer.kind == "overwrites":
        return say("overwrites", place=spelled(place), name=answer.text)
    if answer.kind == "unread":
        return say("nothing_reads", name=answer.text, place=spelled(place), other=other)
    more: dict[str, Any] = {"due": answer.due} if answer.due else {}
    if others:
        more["other"] = spelled(others[0])
    return say("wrong_step", place=spelled(place), **more)


def spelled(place: Place) -> str:
    """Return a place in words: a line, where it was called from, and the line that gives it a number."""
    first, *others = place
    callers = [line for line in others if not line.gives]
    numbers = [line for line in others if line.gives]
    called = f", called from {_briefly(callers[0], first)}" if callers else ""
    given = f", with what {_briefly(numbers[0], first)} returns" if numbers else ""
    return f"{first}{called}{given}"


def _elsewhere(changed: Place, place: Place) -> str:
    """Return the line that a change is of, where it is another one than is named first."""
    is_named = any(line.file == changed[0].file and changed[0].line in line.numbers for line in place[:1])
    return "" if is_named else _briefly(changed[0], place[0])


def _briefly(line: Line, beside: Line) -> str:
    return f"line {line.line}" if line.file == beside.file else str(line)
