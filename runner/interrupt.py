"""Ctrl-C, SIGTERM and SIGHUP: each ends the command once, after which its report is made."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from runner.errors import Interrupted

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_asked: list[int] = []
_depth = 0


def install() -> None:
    """Let each of the signals raise Interrupted, but for one that is ignored, as nohup has it."""
    _asked.clear()
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _ask)


def _ask(number: int, frame: FrameType | None) -> None:
    _asked.append(number)
    if len(_asked) == 1 or _depth:  # a second one means something only to code that has swallowed the first
        raise Interrupted


@contextmanager
def swallowable() -> Iterator[None]:
    """Mark code that may keep an exception for itself; raises Interrupted if it has."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
    if _asked:
        raise Interrupted


def ignore() -> None:
    """Let none of the signals do anything any more: the command is about to exit with its status."""
    for number in ENDING:
        if signal.getsignal(number) is _ask:
            signal.signal(number, signal.SIG_IGN)


def status() -> int:
    """Return the exit status of a command that was interrupted: 128 and the number of the signal."""
    return 128 + (_asked[0] if _asked else signal.SIGINT)
