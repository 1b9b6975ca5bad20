"""What the user is told when something is wrong, and the nearest name to what was typed."""

import re
import sysconfig
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

RUNNER = str(Path(__file__).parent)
LIBRARIES = (RUNNER, sysconfig.get_path("stdlib"), "<")  # "<" begins the name of code that has no file
INSTALLED = frozenset({"site-packages", "dist-packages"})  # folders of what is nobody's own code


class UserError(Exception):
    """Something the user can put right: the message names what was wrong and what would be right."""


class BadInput(UserError):  # noqa: N818  its users read it in every traceback
    """What was handed to `handgrad.judge` and its like cannot be judged: the message says what can."""


REFUSED = "refused_by_forward"


def refused(error: Exception) -> Exception:
    """Mark an error as a forward's own: what it refuses is no fault of a derivation."""
    error.__dict__[REFUSED] = True
    return error


def is_refusal(error: Exception) -> bool:
    """Tell whether a forward raised an error: the reference's, or that of the code that is judged."""
    return REFUSED in error.__dict__


class FormulaError(UserError):
    """A formula breaks the contract of `runner.formula`."""


class StoppedError(UserError):
    """A sweep cannot go on; what it recorded is kept, and can be resumed."""


class TimedOut(BaseException):
    """The limit of a point has passed. Not an Exception, so that no formula swallows it."""


class Interrupted(KeyboardInterrupt):
    """The user ends the command, by Ctrl-C or a signal: what code raises itself is a KeyboardInterrupt."""


STOPS = (KeyboardInterrupt, TimedOut)
ENDS = (*STOPS, SystemExit)
"""What ends more than the code that raises it: a point, or the command."""

LONGEST = 500  # characters of a message, or of a cell


def printable(text: str, longest: int = LONGEST) -> str:
    """Return a text that no terminal, file or spreadsheet reads as anything else: escaped, and cut."""
    cut = text[:longest]
    shown = cut if cut.isprintable() else "".join(map(_escaped, cut))
    return f"{shown}... ({len(text)} characters)" if len(text) > longest else shown


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """Word the message for a name that does not exist, with the nearest that does."""
    known = sorted(known)
    folded = {candidate.lower(): candidate for candidate in known}
    nearest = get_close_matches(str(name).lower(), folded, n=1, cutoff=0.5)
    hint = f"; did you mean {folded[nearest[0]]!r}?" if nearest else "."
    return f"unknown {kind} {str(name)!r}{hint} There is: {', '.join(known) or 'none'}."


NO_MEMORY = re.compile(r"DefaultCPUAllocator: can't allocate memory: you tried to allocate (\d+) bytes")


def reason(error: BaseException) -> str:
    """Return the type, the first line and the place of an error, as in `ValueError: no (cube.py:31)`."""
    first = printable(next(iter(_text(error).strip().splitlines()), ""))
    if asked := re.search(
        r"DefaultCPUAllocator: can't allocate memory: you tried to allocate (\d+) bytes", first
    ):
        first = f"out of memory: asked for {asked[1]} bytes more than there are"
    said = f"{type(error).__name__}: {first}" if first else type(error).__name__
    names_its_own = re.search(r":\d+\)$", said)
    return said if names_its_own or not (where := place(error)) else f"{said} ({where})"


def _text(error: BaseException) -> str:
    try:
        return error.msg if isinstance(error, SyntaxError) else str(error)
    except BaseException:  # an exception's own __str__ may raise anything
        return "its message cannot be made"


def place(error: BaseException) -> str:
    """Return the file and line of the user's code that an error comes from, or nothing."""
    if isinstance(error, SyntaxError) and error.filename:
        return line_of(error.filename, error.lineno)
    frames = traceback.walk_tb(error.__traceback__)
    lines = [(frame.f_code.co_filename, line) for frame, line in frames]
    return next((line_of(*line) for line in reversed(lines) if _is_the_users(line[0])), "")


def line_of(file: str, line: int | None) -> str:
    """Return a place as the user knows it."""
    return f"{short(file)}:{line}"


def short(file: str) -> str:
    """Return a file's path from the working directory, or its name alone where it lies elsewhere."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the working directory is gone
        return Path(file).name


def _is_the_users(file: str) -> bool:
    return not file.startswith(LIBRARIES) and INSTALLED.isdisjoint(Path(file).parts)


def too_long(timeout_s: float) -> str:
    """Word the error of a point that takes too long."""
    return f"ran longer than limits.timeout_s={timeout_s:g}"
