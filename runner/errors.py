"""What the user is told when something is wrong, and the nearest name to what was typed."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user can put right: the message names what was wrong and what would be right."""


class FormulaError(UserError):
    """A formula breaks the contract of `runner.formula`."""


class StoppedError(UserError):
    """A sweep cannot go on; what it recorded is kept, and can be resumed."""


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """Word the message for a name that does not exist, with the nearest that does."""
    known = sorted(known)
    folded = {candidate.lower(): candidate for candidate in known}
    nearest = get_close_matches(str(name).lower(), folded, n=1, cutoff=0.5)
    hint = f"; did you mean {folded[nearest[0]]!r}?" if nearest else "."
    return f"unknown {kind} {str(name)!r}{hint} There is: {', '.join(known) or 'none'}."


def reason(error: BaseException) -> str:
    """Return the type and the first line of an error, for a row of the report."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def too_long(timeout_s: float) -> str:
    """Word the error of a point that takes too long."""
    return f"ran longer than limits.timeout_s={timeout_s:g}"
