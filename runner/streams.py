"""Standard streams that never cost a result: a reader that goes away ends the printing, not the work."""

import io
import os
import sys
from typing import Any

STREAMS = ("stdin", "stdout", "stderr")


class Forgiving(io.RawIOBase):
    """Writes to a descriptor until that fails, and says nothing from then on."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.failed: OSError | None = None

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether it is a terminal, as long as it can be written to."""
        return self.failed is None and os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """Write what can be written, and report all of it as written."""
        rest = memoryview(data).cast("B")
        while self.failed is None and rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                self.failed = error
        return len(memoryview(data).cast("B"))


def forgiving() -> None:
    """Make standard output and error forgiving, and open the streams that are closed on nothing.

    Else the next file that is opened, a ledger perhaps, would get the number of the closed stream, and
    whatever is printed would be written into it.
    """
    for number in range(len(STREAMS)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    for name in STREAMS[1:]:
        _replace(name, Forgiving(STREAMS.index(name)))


def _replace(name: str, raw: Forgiving) -> None:
    old = getattr(sys, name)
    if old is not None:
        if not _is_standard(old, raw.fileno()):
            return  # somebody reads along, as pytest and notebooks do
        old.flush()
    line_buffered = name == "stderr" or raw.isatty()
    buffered = io.BufferedWriter(raw)
    encoding = getattr(old, "encoding", None) or "utf-8"
    stream = io.TextIOWrapper(
        buffered, encoding, errors="backslashreplace", line_buffering=line_buffered, write_through=False
    )
    setattr(sys, name, stream)


def _is_standard(stream: Any, number: int) -> bool:
    try:
        return bool(stream.fileno() == number)
    except (OSError, ValueError, AttributeError):
        return False


def unwritten() -> str:
    """Return why standard output could not be written, or nothing."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return str(raw.failed.strerror) if isinstance(raw, Forgiving) and raw.failed else ""
