"""What a worker does: run points one by one in a child process, and say exactly which one killed it.

A child is kept from chunk to chunk, and replaced when a point kills it, hangs, or takes too much memory.
Nothing here imports PyTorch: that is the child's business.
"""

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import psutil

from runner.errors import too_long
from runner.sweep.machine import cores, memory

READY = b"ready"
IDLE_S = 60.0
IDLE_EXIT = 75
LOOK_S = 0.05  # how often memory is looked at
SHARE_OF_MEMORY = 0.8

Results = list[dict[str, Any]]
"""Of each point of a chunk its packed rows, or under `lost` what became of it."""


@dataclass(frozen=True)
class Terms:
    """What a worker must know of a sweep; `share` workers divide a machine."""

    token: str
    share: int
    threads: int | None = None
    timeout_s: float | None = None
    memory_gb: float | None = None
    cwd: str = field(default_factory=os.getcwd)
    path: Sequence[str] = field(default_factory=lambda: tuple(map(os.path.abspath, sys.path)))


class LostError(Exception):
    """A point has not come back: its status, and why."""

    def __init__(self, status: str, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


class RetiredError(Exception):
    """The sweep is over, and its children are gone."""


def run_chunk(specs: Sequence[bytes], terms: Terms) -> Results:
    """Run pickled specifications in turn; raises RuntimeError where no child process starts."""
    terms = _settled(terms)
    return [_run(spec, terms) for spec in specs]


def retire(token: str) -> None:
    """End the children of one sweep in this process."""
    with _lock:
        _retired.add(token)
        ended = [thread for thread, child in _children.items() if child.terms.token == token]
        for thread in ended:
            _children.pop(thread).kill()


class Child:
    """A process that runs one point at a time."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._connection, there = Pipe()
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "runner.sweep.child", str(there.fileno())],
            pass_fds=[there.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=terms.cwd if Path(terms.cwd).is_dir() else None,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(paths),
                "OMP_NUM_THREADS": str(terms.threads),
                "MKL_NUM_THREADS": str(terms.threads),
            },
        )
        there.close()
        self._watched = psutil.Process(self._process.pid)
        self._connection.send(terms)

    def wait_until_ready(self) -> None:
        """Wait for the child's imports; raises RuntimeError if it does not get through them."""
        try:
            self._connection.recv_bytes()
        except (EOFError, ConnectionError):
            raise RuntimeError(f"a worker's process does not start: {self._ended()}") from None

    def run(self, spec: bytes) -> dict[str, Any]:
        """Run one point; raises LostError when it does not come back."""
        try:
            self._connection.send_bytes(spec)
            self._wait()
            result: dict[str, Any] = self._connection.recv()
        except (EOFError, ConnectionError):
            raise LostError("crashed", self._ended()) from None
        return result

    def kill(self) -> None:
        """End the process at once. Its thread, which may be reading, sees the end and lets go of the pipe."""
        self._process.kill()
        self._process.wait()

    @property
    def is_idle_no_more(self) -> bool:
        """Whether the child has left because it had nothing to do."""
        return self._process.poll() == IDLE_EXIT

    def _wait(self) -> None:
        began, limit, most = time.monotonic(), self.terms.timeout_s, self.terms.memory_gb
        while not self._connection.poll(LOOK_S):
            if limit and time.monotonic() - began > limit:
                raise LostError("timeout", too_long(limit))
            if most and self._memory_gb() > most:
                raise LostError("crashed", f"out of memory: more than limits.memory_gb={most:.3g}")

    def _memory_gb(self) -> float:
        try:
            return float(self._watched.memory_info().rss) / 1e9
        except psutil.Error:
            return 0.0

    def _ended(self) -> str:
        """Say how the process ended."""
        code = self._process.wait()
        if code >= 0:
            return f"the process exited with status {code}"
        hint = ", perhaps by the system for want of memory" if -code == signal.SIGKILL else ""
        return f"the process was killed by {signal.Signals(-code).name}{hint}"


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
    except LostError as lost:
        _forget(child)
        if lost.status == "crashed" and child.is_idle_no_more:
            return _run(spec, terms)
        seconds = time.perf_counter() - began
        return {"lost": lost.status, "error": lost.error, "seconds": seconds, "host": platform.node()}


def _child(terms: Terms) -> Child:
    """Return this thread's child, started if need be."""
    thread = threading.get_ident()
    with _lock:
        if terms.token in _retired:
            raise RetiredError
        child = _children.get(thread)
        if child and child.terms == terms:
            return child
        if child:
            child.kill()
        child = _children[thread] = Child(terms)
    child.wait_until_ready()
    return child


def _forget(child: Child) -> None:
    with _lock:
        for thread in [thread for thread, other in _children.items() if other is child]:
            del _children[thread]
    child.kill()
