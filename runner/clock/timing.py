"""The clock: manual gradient, autograd and forward, timed in turn on the same upstream gradient."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.benchmark import Measurement, Timer

from runner.case.case import Case
from runner.judge import manual
from runner.judge.reference import Graph
from runner.settings import Timing


@dataclass(frozen=True)
class Times:
    """Medians and interquartile ranges in milliseconds, and how many times as fast as autograd manual is."""

    manual_ms: float
    manual_iqr_ms: float
    autograd_ms: float
    autograd_iqr_ms: float
    forward_ms: float
    speedup: float


def clock(case: Case, derivation: str, wrt: Sequence[str], graph: Graph, settings: Timing) -> Times:
    """Time one derivation against autograd on the inputs that it differentiates.

    Forward and saved intermediates are made beforehand; each clock counts the gradient alone, without
    the checks around it. Rounds of the three alternate, so that all see the same machine.
    """
    formula = case.formula
    values = formula.prepare(derivation, case.values)
    function = formula.library or formula.forward
    tasks: dict[str, Callable[[], Any]] = {
        "manual": lambda: formula.differentiate(derivation, values, case.inputs),
        "autograd": lambda: graph.gradients(wrt),
        "forward": lambda: formula.apply(function, case.inputs, case.params),
    }
    with torch.no_grad():
        manual.call(case, derivation, values)  # the first call allocates; it is not what is asked
        measured = interleaved(tasks, settings)
    manual_time, autograd_time = measured["manual"], measured["autograd"]
    return Times(
        manual_ms=_ms(manual_time.median),
        manual_iqr_ms=_ms(manual_time.iqr),
        autograd_ms=_ms(autograd_time.median),
        autograd_iqr_ms=_ms(autograd_time.iqr),
        forward_ms=_ms(measured["forward"].median),
        speedup=float(f"{autograd_time.median / manual_time.median:.3g}"),
    )


def interleaved(tasks: Mapping[str, Callable[[], Any]], settings: Timing) -> dict[str, Measurement]:
    """Time every task for `rounds` blocks of about `block_ms` each, one block of each in turn."""
    timers = {
        name: Timer("task()", globals={"task": task}, num_threads=torch.get_num_threads())
        for name, task in tasks.items()
    }
    calls = {name: _calls(timer, settings.block_ms / 1e3) for name, timer in timers.items()}
    blocks: dict[str, list[Measurement]] = {name: [] for name in tasks}
    for _ in range(settings.rounds):
        for name, timer in timers.items():
            blocks[name].append(timer.timeit(calls[name]))
    return {name: next(iter(Measurement.merge(found))) for name, found in blocks.items()}


def _calls(timer: Timer, seconds: float) -> int:
    """Return how many calls fill a block; two trial calls also warm up what is lazy."""
    once = max(timer.timeit(2).median, 1e-9)
    return max(1, round(seconds / once))


def _ms(seconds: float) -> float:
    return float(f"{seconds * 1e3:.4g}")
