"""Run one point, whatever its code does that Python can survive."""

import os
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import torch

from runner.case.spec import Spec
from runner.diagnose.statement import Statement, say
from runner.errors import Interrupted, TimedOut, reason, too_long
from runner.experiment import run
from runner.formula import plugins
from runner.interrupt import swallowable
from runner.locate.judged import explained
from runner.process import BY_COMPILING, BY_IMPORTS, OF_PROCESS, Functions, kept
from runner.sweep.descendants import Descendants
from runner.sweep.job import Result, identified, lost, packed
from runner.verdicts import Status

PART_OF_FREE_MEMORY = 0.7  # others need some too


def warm_up() -> None:
    """Make PyTorch import now what it puts off until the first gradient, which a time limit may hit."""
    x = torch.ones(1, requires_grad=True)
    torch.autograd.grad(x * 2, x, torch.ones(1))
    _functions()


@cache
def _functions() -> Functions:
    return Functions()


def attempt(spec: Spec, timeout_s: float | None = None) -> Result:
    """Return what became of a point, as plain data; no exception of its code gets out.

    What the code leaves changed in the process is put back, and noted; processes that it started end.
    A copy of this process that the code made, and that comes back from it, ends here.
    """
    me, functions, processes, modules = os.getpid(), _functions(), Descendants(), len(sys.modules)
    with kept(OF_PROCESS) as left:
        result = _result(spec, timeout_s)
        if os.getpid() != me:
            os._exit(0)
        processes.end()
    of_pytorch = BY_IMPORTS if len(sys.modules) > modules else frozenset()
    of_pytorch |= BY_COMPILING if spec.execution == "compile" else frozenset()
    left = [name for name in left if name not in of_pytorch]
    replaced = functions.replaced()
    notes = [say("left_by_point", names=left)] if left else []
    notes += [say("replaced_by_point", names=replaced)] if replaced else []
    for plugin, names in plugins.replaced(spec.plugins).items():
        notes.append(say("replaced_by_plugin", plugin=plugin, names=names))
    result = _noted(result, notes) if notes else result
    return {**result, "tainted": True} if replaced else result


def _noted(result: Result, notes: Iterable[Statement]) -> Result:
    """Add notes to every judgement of a point: which of its derivations is to blame is not known."""
    data = [note.as_data() for note in notes]
    judgements = [{**one, "notes": [*one.get("notes", ()), *data]} for one in result["judgements"]]
    return {**result, "judgements": judgements}


def _result(spec: Spec, timeout_s: float | None) -> Result:
    began = datetime.now(UTC)
    identity: dict[str, Any] = {}
    status: Status
    try:
        with swallowable(), _alarm(timeout_s), _memory():
            plugins.load(spec.plugins)
            identity = identified(spec)  # by the code that was imported here
            return {**packed(spec, explained(spec, run(spec)), began), **identity}
    except TimedOut:
        status, error = "timeout", too_long(timeout_s or 0)
    except SystemExit as stop:
        status, error = "crashed", f"the code exits with sys.exit({stop.code!r})"
    except Interrupted:
        raise
    except KeyboardInterrupt as mine:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it may be the user's
            raise
        status, error = "failed", reason(mine)
    except BaseException as unexpected:  # what `run` itself does not expect is a result all the same
        status, error = "failed", reason(unexpected)
    return {**lost(spec, status, error, (datetime.now(UTC) - began).total_seconds()), **identity}


@contextmanager
def _alarm(timeout_s: float | None) -> Iterator[None]:
    """Raise TimedOut when the time is over, as soon as Python code runs; in the main thread alone."""
    if not timeout_s or threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, timeout_s, 1.0)  # and every second: a bare `except:` may catch one
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def _memory() -> Iterator[None]:
    """Let PyTorch refuse what the machine has no memory for, with the bytes asked for.

    Linux would promise it, and then kill the process that has the most of it, which is this one.
    """
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    free, used = _kilobytes("/proc/meminfo", "MemAvailable"), _kilobytes("/proc/self/status", "VmData")
    limit, hard = 1024 * (used + int(free * PART_OF_FREE_MEMORY)), before[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _kilobytes(file: str, name: str) -> int:
    """Read one of the kernel's figures: psutil would take longer to import than a small experiment runs."""
    lines = Path(file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _ring(*_: Any) -> NoReturn:
    raise TimedOut
