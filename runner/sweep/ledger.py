"""The ledger: one append-only file of JSON lines, from which the report is made.

The first line has the version. A line's `event` is `started`, or what became of a point: `completed`,
`failed`, `unsupported`, `crashed`, `timeout`. Two more mark a sweep that begins (`sweep`) and one that starts
over (`fresh`): what stands above it no longer counts.
"""

import json
import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from runner.errors import StoppedError, UserError
from runner.record import SCHEMA_VERSION
from runner.verdicts import STATUSES

NAME = "ledger.jsonl"
LOCK = "ledger.lock"
HEAD = re.compile(rb'\{"event":"(\w+)","key":"(k[0-9a-f]{16})","point":"(p[0-9a-f]{16})","index":(\d+),')
AS_WRITTEN = json.JSONDecoder(parse_float=str).decode
"""Reads a line and leaves its figures text: a report copies them, at half the cost."""
FINISHED: tuple[str, ...] = STATUSES
MARKS = ("ledger", "sweep", "fresh")
READABLE = (2, SCHEMA_VERSION)
"""The versions that a report can be made of: the second has fewer figures, whose cells stay empty."""
IDENTITY = re.compile(r"[kp][0-9a-f]{16}")


class Ledger:
    """A ledger that is open for writing; several processes may have it open at once.

    Raises UserError for one of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.path = checked(folder).absolute()  # where a point leads the process does not matter
        self._open()
        self._file, self._size = os.fstat(self._descriptor), 0
        if not self._file.st_size:
            self.append({"event": "ledger", "version": SCHEMA_VERSION})

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record by a single write, which the system does not tear between processes.

        Raises StoppedError when it cannot be written, and where the file is no longer what it was; what was
        written before stays readable.
        """
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        self._look()
        try:
            if self._is_torn():  # by a process that was killed: its fragment must not swallow this record
                line = b"\n" + line
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise StoppedError(f"{self.path}: {error.strerror}") from error
        if written < len(line):
            raise StoppedError(f"{self.path}: no space is left")
        self._size = os.fstat(self._descriptor).st_size

    def _open(self) -> None:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)

    def _look(self) -> None:
        """Raise StoppedError where records have gone: with the folder, or out of the file."""
        try:
            there = self.path.stat()
        except OSError as error:
            raise StoppedError(f"{self.path}: has been removed while points were recorded in it") from error
        if not os.path.samestat(there, self._file):
            raise StoppedError(f"{self.path}: has been replaced by another file while points were recorded")
        if there.st_size < self._size:
            raise StoppedError(f"{self.path}: has been cut short while points were recorded in it")
        if not self._is_open():  # a point may close descriptors that are not its own
            self._open()

    def _is_open(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._file)
        except OSError:
            return False

    def _is_torn(self) -> bool:
        size = os.fstat(self._descriptor).st_size
        return size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_open():
            os.close(self._descriptor)


def append(folder: Path, record: Mapping[str, Any]) -> None:
    """Add one record to the ledger of a folder."""
    with Ledger(folder) as ledger:
        ledger.append(record)


def checked(folder: Path) -> Path:
    """Return the path of a folder's ledger; raises UserError for one of another version."""
    path = folder / NAME
    if path.exists() and (version := _version(path)) not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise UserError(
            f"{path}: a ledger of version {version}, which this handgrad does not read; it reads versions "
            f"{known}. Its report.csv stays as it is; run the sweep in another folder"
        )
    return path


def _version(path: Path) -> Any:
    """Return the version in the first line that can be read; those before the second version had none."""
    with path.open("rb") as lines:
        first = next(filter(None, map(parsed, lines)), None)
    if first is None:
        return SCHEMA_VERSION
    return first.get("version", 1) if first["event"] == "ledger" else 1


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every record; a line that a killed process left unfinished is dropped."""
    path = checked(folder)
    if path.exists():
        with path.open("rb") as lines:
            yield from filter(None, map(parsed, lines))


def heads(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield every record with its place in the file, the finished ones without their rows.

    None stands for a line that is no record.
    """
    if not path.exists():
        return
    place = 0
    with path.open("rb") as lines:
        for line in lines:
            head = HEAD.match(line) if line.endswith(b"}]}\n") else None
            if head and (event := head[1].decode()) in FINISHED:
                key, point, index = (part.decode() for part in head.groups()[1:])
                yield place, {"event": event, "key": key, "point": point, "index": int(index)}
            elif line.strip():
                yield place, parsed(line)
            place += len(line)


def parsed(line: bytes, read: Callable[[str], Any] = json.loads) -> dict[str, Any] | None:
    """Read one line; None for a fragment, which never ends in the brace of a record, and for what is none."""
    if not line.endswith(b"}\n"):
        return None
    try:
        record = read(line.decode())
    except (ValueError, RecursionError):
        return None
    return record if _is_record(record) else None


def _is_record(record: Any) -> bool:
    """Tell whether a report can be made of what a line holds: other programs may have written it."""
    if not isinstance(record, dict) or not isinstance(event := record.get("event"), str):
        return False
    identity = [str(record.get(name)) for name in ("key", "point")]
    named = all(IDENTITY.fullmatch(value) for value in identity)
    if event == "started":
        return named
    if event not in FINISHED:
        return event in MARKS
    judgements = record.get("judgements")
    return (
        named
        and isinstance(record.get("index"), int)
        and isinstance(judgements, list)
        and all(isinstance(judgement, dict) for judgement in judgements)
    )


def recorded(folder: Path) -> set[int]:
    """Return the keys of the points that the ledger has a result of, as numbers."""
    found = (record for _, record in heads(folder / NAME) if record)
    return {int(record["key"][1:], 16) for record in found if record["event"] in FINISHED}


def is_of_a_sweep(folder: Path) -> bool:
    """Tell whether a folder's ledger is that of a sweep."""
    return any(record["event"] == "sweep" for record in read(folder))


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold a folder for one sweep; raises UserError, with the holder's pid and host, if it is taken."""
    path = folder / LOCK
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{folder}: another sweep is writing here ({path.read_text().strip() or 'just started'}); "
            "wait for it, or choose another folder with hydra.sweep.dir=..."
        ) from None
    try:
        path.write_text(f"pid {os.getpid()} on {platform.node()}\n")
        yield
    finally:
        with suppress(OSError):  # a point may have closed its descriptor
            lock.release()
