"""What a worker does: run points one by one in a child process, and say exactly which one killed it.

A child is kept from chunk to chunk, and replaced when a point kills it, hangs, or takes too much memory.
Nothing here imports PyTorch: that is the child's business.
"""

import json
import os
import pickle
import platform
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from runner.errors import too_long
from runner.sweep.descendants import end_group
from runner.sweep.machine import cores, memory
from runner.sweep.wire import MARK_BYTES, GarbledError, Wire

READY, LEAVING = b"ready", b"leaving"
NO_DESCRIPTORS = 74  # the exit status of a child whose socket is closed under it; EX_IOERR of sysexits.h
IDLE_S = 60.0
STARTS = 3  # attempts to start a child, which may be killed by somebody while it imports
ENDING_S = 2.0  # that a process which has closed its end of the socket is waited for
LOOK_S = 0.05  # how often memory is looked at
SHARE_OF_MEMORY = 0.8

CHILD = f"{__name__.rpartition('.')[0]}.child"
START = "import sys; sys.path = {places}; from {child} import main; sys.exit(main(int(sys.argv[1])))"
"""How a child begins: with the modules of its parent, whatever lies in the working directory."""

Results = list[dict[str, Any]]
"""Of each point of a chunk its packed rows, or under `lost` what became of it."""


def _places() -> list[str]:
    """Return where this process looks for modules, whichever its working directory is."""
    return [*map(os.path.abspath, sys.path)]


@dataclass(frozen=True)
class Terms:
    """What a worker must know of a sweep; `share` workers divide a machine."""

    token: str
    share: int
    threads: int | None = None
    timeout_s: float | None = None
    memory_gb: float | None = None
    cwd: str = field(default_factory=os.getcwd)
    path: Sequence[str] = field(default_factory=lambda: tuple(_places()))


class LostError(Exception):
    """A point has not come back: its status, and why."""

    def __init__(self, status: str, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


class LeftError(Exception):
    """A child has left before the point came to it: it had no work, or was no longer to be trusted."""


class RetiredError(Exception):
    """The sweep is over, and its children are gone."""


def run_chunk(specs: Sequence[bytes], terms: Terms) -> Results:
    """Run pickled specifications in turn; raises RuntimeError where no child process starts."""
    terms = _settled(terms)
    return [_run(spec, terms) for spec in specs]


def retire(token: str) -> "list[Child]":
    """End the children of one sweep in this process, and return them: their threads may still read."""
    with _lock:
        _retired.add(token)
        ended = [thread for thread, child in _children.items() if child.terms.token == token]
        children = [_children.pop(thread) for thread in ended]
        for child in children:
            child.kill()
    return children


class Child:
    """A process that runs one point at a time."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._socket, there = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-c", START.format(places=_places(), child=CHILD), str(there.fileno())],
            pass_fds=[there.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=terms.cwd if Path(terms.cwd).is_dir() else None,
            start_new_session=True,  # so that whatever a point starts ends with it
            env={
                **os.environ,
                "OMP_NUM_THREADS": str(terms.threads),
                "MKL_NUM_THREADS": str(terms.threads),
            },
        )
        there.close()
        self._watched = psutil.Process(self._process.pid)
        self._wire = Wire(self._socket, secrets.token_bytes(MARK_BYTES))
        with suppress(OSError):  # a child that is dead already is found when it is waited for
            self._socket.sendall(self._wire.mark)
            self._wire.send(pickle.dumps(terms))

    def wait_until_ready(self) -> None:
        """Wait for the child's imports; raises LostError if it does not get through them."""
        try:
            self._wire.receive()
        except (EOFError, OSError, GarbledError):
            raise LostError("crashed", self._ended()) from None

    def run(self, spec: bytes) -> dict[str, Any]:
        """Run one point; raises LostError when it does not come back, LeftError when it was not begun."""
        try:
            self._wire.send(spec)
        except OSError:  # it was gone before the whole point came to it
            raise LeftError from None
        try:
            answer = self._answer()
            if answer == LEAVING:
                raise LeftError
            result: dict[str, Any] = json.loads(answer)
        except (EOFError, OSError):
            raise LostError("crashed", self._ended()) from None
        except (GarbledError, ValueError):
            raise LostError("crashed", "the code wrote to descriptors that are not its own") from None
        return result

    def kill(self) -> None:
        """End the process at once, and what it started. Its thread sees the end and lets go of the socket."""
        end_group(self._process.pid)
        self._process.wait()

    def close(self) -> None:
        """Kill, and let go of the socket: for the thread alone that may be reading from it."""
        self.kill()
        self._socket.close()

    def _answer(self) -> bytes:
        began, limit, most = time.monotonic(), self.terms.timeout_s, self.terms.memory_gb
        while (answer := self._wire.receive(LOOK_S)) is None:
            if limit and time.monotonic() - began > limit:
                raise LostError("timeout", too_long(limit))
            if most and self._memory_gb() > most:
                raise LostError("crashed", f"out of memory: more than limits.memory_gb={most:.3g}")
        return answer

    def _memory_gb(self) -> float:
        try:
            return float(self._watched.memory_info().rss) / 1e9
        except psutil.Error:
            return 0.0

    def _ended(self) -> str:
        """Say how the process ended: it has closed the socket, so it ends soon or is made to."""
        try:
            code = self._process.wait(timeout=ENDING_S)
        except subprocess.TimeoutExpired:
            code = NO_DESCRIPTORS
        if code == NO_DESCRIPTORS:
            return "the code closed descriptors that are not its own"
        if code >= 0:
            return f"the process exited with status {code}"
        hint = ", perhaps by the system for want of memory" if -code == signal.SIGKILL else ""
        return f"the process was killed by {_name(-code)}{hint}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has none
        return f"signal {number}"


_lock = threading.Lock()
_children: dict[int, Child] = {}
_retired: set[str] = set()


def _settled(terms: Terms) -> Terms:
    """Fill in what depends on the machine: this worker's share of cores and memory."""
    threads = terms.threads or max(1, cores() // terms.share)
    memory_gb = terms.memory_gb or SHARE_OF_MEMORY * memory() / terms.share / 1e9
    return replace(terms, threads=threads, memory_gb=memory_gb)


def _run(spec: bytes, terms: Terms) -> dict[str, Any]:
    child = _child(terms)
    began = time.perf_counter()
    try:
        return child.run(spec)
    except LeftError:
        _forget(child)
        return _run(spec, terms)
    except LostError as lost:
        _forget(child)
        seconds = time.perf_counter() - began
        return {"lost": lost.status, "error": lost.error, "seconds": seconds, "host": platform.node()}


def _child(terms: Terms) -> Child:
    """Return this thread's child, started if need be; one that dies while it starts is started again."""
    for _ in range(STARTS):
        child, is_new = _begun(terms)
        if not is_new:
            return child
        try:
            child.wait_until_ready()
        except LostError as error:
            lost = error
            _forget(child)
        else:
            return child
    raise RuntimeError(f"a worker's process does not start: {lost}")


def _begun(terms: Terms) -> tuple[Child, bool]:
    thread = threading.get_ident()
    with _lock:
        if terms.token in _retired:
            raise RetiredError
        child = _children.get(thread)
        if child and child.terms == terms:
            return child, False
        if child:
            child.close()
        child = _children[thread] = Child(terms)
    return child, True


def _forget(child: Child) -> None:
    with _lock:
        for thread in [thread for thread, other in _children.items() if other is child]:
            del _children[thread]
    child.close()
