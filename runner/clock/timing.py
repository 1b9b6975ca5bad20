"""The clock: manual gradient, autograd and forward, timed in turn on the same upstream gradient."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch.utils.benchmark import Measurement, Timer

from runner.case.case import Case
from runner.formula.derivation import Derivation
from runner.judge import manual, reference
from runner.judge.judgement import Times
from runner.settings import Timing


def clock(case: Case, derivation: Derivation, wrt: Sequence[str], settings: Timing) -> Times:
    """Time one derivation against autograd on the inputs that it differentiates.

    Forward and saved intermediates are made, and arguments picked, beforehand: each clock counts the
    gradient alone. Rounds of the three alternate, so that all see the same machine.
    """
    values, graph = case.values, reference.recorded(case)
    with torch.no_grad():
        manual.call(case, derivation, values)  # the first call allocates; it is not what is asked
        measured = interleaved(
            {
                "manual": derivation.bound(values, case.inputs),
                "autograd": graph.bound(wrt),
                "forward": partial(case.evaluate_library, case.inputs),
            },
            settings,
        )
    manual_time, autograd_time = measured["manual"], measured["autograd"]
    return Times(
        manual_ms=_ms(manual_time.median),
        manual_iqr_ms=_ms(manual_time.iqr),
        autograd_ms=_ms(autograd_time.median),
        autograd_iqr_ms=_ms(autograd_time.iqr),
        forward_ms=_ms(measured["forward"].median),
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
    return {name: next(iter(Measurement.merge(of_task))) for name, of_task in blocks.items()}


def _calls(timer: Timer, seconds: float) -> int:
    """Return how many calls fill a block; two trial calls also warm up what is lazy."""
    once = max(timer.timeit(2).median, 1e-9)
    return max(1, round(seconds / once))


def _ms(seconds: float) -> float:
    return float(f"{seconds * 1e3:.4g}")
