"""Puts the figures of a statement into its sentence."""

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

from runner.diagnose import words
from runner.diagnose.sentences import SENTENCES

INSTEAD = "instead of "
KINDS: dict[str, Callable[[Any], str]] = {
    "place": words.place,
    "places": words.places,
    "shape": words.shape,
    "axes": words.axes,
    "and": lambda names: words.joined(names, "and"),
    "or": lambda names: words.joined(names, "or"),
    "times": lambda names: " * ".join(names),
    ";": lambda sentences: "; ".join(map(str, sentences)),
    "is": words.verb,
    "fraction": lambda number: words.fraction(float(number)),
    "factor": lambda number: words.factor(float(number)),
    "range": lambda ends: words.span(*map(float, ends)),
    "if several": lambda count: f"{count} " if count > 1 else "",
}


class Wording(Formatter):
    """A format string whose specs may also be the kinds above.

    `{gradient:instead of {truth}}` tells two numbers apart, `{part}` leaves nothing where a part is None.
    A number that was left as text is converted before it is formatted.
    """

    def format_field(self, value: Any, format_spec: str) -> str:
        """Spell one figure."""
        if value is None:
            return ""
        if format_spec in KINDS:
            return KINDS[format_spec](value)
        if format_spec.startswith(INSTEAD):
            return words.two_numbers(float(value), float(format_spec.removeprefix(INSTEAD)))
        return format(float(value) if format_spec and isinstance(value, str) else value, format_spec)


def worded(name: str, figures: Mapping[str, Any]) -> str:
    """Return the sentence of a statement; `name (figure=value, ...)` where the table has none for it."""
    try:
        wording = SENTENCES[name]
        return wording(**figures) if callable(wording) else Wording().vformat(wording, (), figures)
    except (LookupError, TypeError, ValueError):  # of another version, whose evidence is not to be lost
        spelled = ", ".join(f"{key}={value}" for key, value in figures.items())
        return f"{name} ({spelled})" if figures else name
