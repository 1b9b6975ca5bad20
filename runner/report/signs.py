"""How a verdict looks: a colour, and a sign beside it that every terminal can show."""

import os
import sys
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from runner.report.counts import Counts

WIDTH_WITHOUT_TERMINAL = 160


class Look(NamedTuple):
    """Of a verdict: a sign, one of ASCII, and a style."""

    sign: str
    plain: str
    style: str


LOOKS = {
    "exact": Look("✓", "+", "green"),
    "correct": Look("✓", "+", "green"),
    "unchecked": Look("·", ".", "cyan"),
    "inaccurate": Look("≈", "~", "yellow"),
    "unsupported": Look("-", "-", "dim"),
    "suspect_reference": Look("?", "?", "magenta"),
    "invalid": Look("✗", "x", "red"),
    "wrong": Look("✗", "x", "bold red"),
    "failed": Look("!", "!", "red"),
    "timeout": Look("!", "!", "red"),
    "crashed": Look("!", "!", "red"),
}
OTHER = Look("!", "!", "red")


def console() -> Console:
    """Return a console as wide as the terminal, or as COLUMNS says; elsewhere as wide as a table needs."""
    is_known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    width = None if is_known else WIDTH_WITHOUT_TERMINAL
    return Console(width=width, markup=False, highlight=False, emoji=False)


def shown(verdict: str, out: Console) -> Text:
    """Write a verdict with its sign, in the characters that a console has."""
    look = LOOKS.get(verdict, OTHER)
    return Text(f"{look.plain if out.options.ascii_only else look.sign} {verdict}", style=look.style)


def counted(counts: Counts) -> Text:
    """Write counts by verdict, from best to worst."""
    return Text(", ").join(
        Text(f"{count} {name}", LOOKS.get(name, OTHER).style) for name, count in counts.ordered()
    )


def number_of(count: int, what: str) -> str:
    """Write a count with its noun."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
