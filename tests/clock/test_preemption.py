"""What is timed while other work has the processor says so."""

import os
import subprocess
import sys
import time

import pytest

from runner.case.spec import case_of
from runner.clock import preemption, timing
from runner.clock.preemption import Preemptions
from runner.clock.timing import clock
from runner.formula import lookup
from runner.record import PREEMPTED
from runner.settings import Timing
from tests.registry import specification


@pytest.mark.parametrize(
    ("switches", "seconds", "many"), [(0, 0.01, False), (2, 0.01, False), (3, 0.01, True), (9, 0.5, False)]
)
def test_a_few_are_everyday(
    monkeypatch: pytest.MonkeyPatch, switches: int, seconds: float, many: bool
) -> None:
    counts, clocks = iter([40, 40 + switches]), iter([7.0, 7.0 + seconds])
    monkeypatch.setattr(preemption, "_switches", lambda: next(counts))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clocks))
    assert Preemptions().are_many is many


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process cannot be put on one core here")
def test_another_process_on_the_same_core_is_counted() -> None:
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])  # on this core as well
    try:
        preemptions, until = Preemptions(), time.perf_counter() + 20
        while not preemptions.are_many and time.perf_counter() < until:
            sum(range(100_000))
        assert preemptions.are_many
    finally:
        busy.kill()
        busy.wait()
        os.sched_setaffinity(0, everywhere)


@pytest.mark.parametrize("many", [True, False])
def test_the_row_says_so(monkeypatch: pytest.MonkeyPatch, many: bool) -> None:
    monkeypatch.setattr(timing, "Preemptions", lambda: type("Fixed", (), {"are_many": many}))
    case = case_of(specification("mse"))
    (derivation,) = lookup("mse").derivations.values()
    found = clock(case, derivation, ["pred"], Timing("quick", rounds=3, min_time=1e-4))
    assert (found.timing.split()[-1] == PREEMPTED) is many
    assert found.noisy or not many
