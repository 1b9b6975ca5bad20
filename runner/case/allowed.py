"""Refuses values that settings must not have, whatever the formula; each function raises UserError."""

import math
import os
import shutil
import sys
from collections.abc import Iterable

import torch

from runner.errors import UserError, unknown
from runner.settings import CLOCKS, EXECUTIONS, WARMTHS, Timing

LEAST_ROUNDS, MOST_ROUNDS = 3, 10_000  # fewer have no median to speak of


def choice(kind: str, value: str, known: Iterable[str]) -> None:
    """Refuse what is none of those there are."""
    if value not in known:
        raise UserError(unknown(kind, value, known))


def natural(kind: str, value: int) -> int:
    """Refuse an integer that is negative, or has more than 64 bits."""
    if not 0 <= value < 2**63:
        raise UserError(f"{kind}={value}: must be an integer >= 0, and below 2^63")
    return value


def finite(kind: str, value: float) -> None:
    """Refuse NaN and infinity."""
    if not math.isfinite(value):
        raise UserError(f"{kind}={value}: must be a finite number")


def clock(timing: Timing) -> None:
    """Refuse a clock that would measure nothing, or in a state of the machine that there is not."""
    choice("timing.level", timing.level, CLOCKS)
    if not LEAST_ROUNDS <= timing.rounds <= MOST_ROUNDS:
        raise UserError(
            f"timing.rounds={timing.rounds}: must be an integer from {LEAST_ROUNDS} to {MOST_ROUNDS}"
        )
    positive("timing.min_time", timing.min_time)
    positive("timing.max_time", timing.max_time)
    if timing.interval is not None:
        positive("timing.interval", timing.interval)
    choice("timing.cache", timing.cache or "warm", WARMTHS)
    choice("timing.heap", timing.heap, WARMTHS)


def positive(kind: str, value: float) -> None:
    """Refuse all but finite numbers above 0."""
    if not 0 < value < math.inf:
        raise UserError(f"{kind}={value}: must be a finite number > 0")


def execution(mode: str) -> None:
    """Refuse a mode that there is not, and to compile without a compiler of C++."""
    choice("execution", mode, EXECUTIONS)
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if mode == "compile" and not shutil.which(compiler):
        raise UserError(
            f"execution=compile: PyTorch writes C++, and there is no {compiler} to compile it; "
            "install it (on Debian and Ubuntu the package g++), or set CXX to another compiler"
        )


def available(device: str, here: bool = True) -> None:
    """Refuse a device that is misspelled, or that this machine does not have if it is to run `here`."""
    kind, _, index = device.partition(":")
    choice("device", kind, ("cpu", "cuda", "mps"))
    if index and not (kind == "cuda" and index.isdecimal()):
        raise UserError(f"device={device}: only cuda takes an index, as in cuda:1")
    if not here:
        return
    present = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    if int(index or 0) >= present[kind]:
        there = ", ".join(f"{n} {name}" for name, n in present.items() if n)
        raise UserError(
            f"device={device}: PyTorch {torch.__version__} finds no such device here, only {there}"
        )
