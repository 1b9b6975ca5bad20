"""Run one point, whatever its code does that Python can survive."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

import torch

from runner.case.spec import Spec
from runner.errors import reason, too_long
from runner.experiment import run
from runner.formula.plugins import load
from runner.sweep.job import Result, lost, packed


class TimedOut(BaseException):
    """The limit has passed. Not an Exception, so that no formula swallows it."""


def warm_up() -> None:
    """Make PyTorch import now what it puts off until the first gradient, which a time limit may hit."""
    x = torch.ones(1, requires_grad=True)
    torch.autograd.grad(x * 2, x, torch.ones(1))


def attempt(spec: Spec, timeout_s: float | None = None) -> Result:
    """Return what became of a point, as plain data; no exception of its code gets out."""
    began = datetime.now(UTC)
    try:
        load(spec.plugins)
        with _alarm(timeout_s):
            judgements = run(spec)
        return packed(spec, judgements, began)
    except TimedOut:
        return lost(spec, "timeout", too_long(timeout_s or 0), _seconds(began))
    except SystemExit as stop:
        return lost(spec, "crashed", f"the code exits with sys.exit({stop.code!r})", _seconds(began))
    except Exception as error:  # what `run` itself does not expect is a result all the same
        return lost(spec, "failed", reason(error), _seconds(began))


def _seconds(began: datetime) -> float:
    return (datetime.now(UTC) - began).total_seconds()


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


def _ring(*_: Any) -> NoReturn:
    raise TimedOut
