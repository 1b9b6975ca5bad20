"""The clock against itself: the same function on both sides, one that does 5 % more, and what quick costs.

`timing=precise`, on functions of 50 microseconds and more. One side of A/B works on 5 % more elements.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch

from runner.case.spec import case_of
from runner.clock.noise import change
from runner.clock.rounds import interleaved
from runner.clock.timing import clock
from runner.experiment import run
from runner.settings import Timing
from tests.registry import EXPERIMENTS, specification

TRIES = 20
PRECISE = Timing("precise", rounds=31, min_time=0.15, interval=0.02, max_time=10.0)
ELEMENTS = (60_000, 240_000)
CPU = torch.device("cpu")


def measure() -> pd.DataFrame:
    """Return one row for each question, with what is asked for."""
    torch.set_num_threads(1)
    same = [_sides(1.0, n) for n in ELEMENTS for _ in range(TRIES // len(ELEMENTS))]
    more = [_sides(1.05, n) for n in ELEMENTS for _ in range(TRIES // len(ELEMENTS))]
    within = [abs(ratio - 1) <= 0.03 for ratio, _ in same]
    answers = [answer for _, answer in more]
    cost, of_clock = _cost_of_quick()
    rows = [
        (f"A/A: within 3 % of 1, of {TRIES}", sum(within), ">= 19"),
        ("A/A: the furthest ratio", max((ratio for ratio, _ in same), key=lambda r: abs(r - 1)), ""),
        (f"A/A: called the same, of {TRIES}", sum(answer == "same" for _, answer in same), ""),
        ("A/A: called faster or slower", sum(a in ("faster", "slower") for _, a in same), ""),
        (f"A/B, 5 % more work: called slower, of {TRIES}", answers.count("slower"), ">= 18"),
        ("A/B: called faster", answers.count("faster"), "0"),
        ("A/B: median ratio", statistics.median(ratio for ratio, _ in more), ""),
        ("one that calls twice: median ratio", _twice(), "2"),
        ("quick: ms that a derivation of under 1 ms takes longer, median of experiments", cost, "<= 50"),
        ("quick: the same, the most", of_clock, "<= 50"),
    ]
    return pd.DataFrame(rows, columns=["what", "figure", "limit"]).round(3)


def _sides(factor: float, elements: int) -> tuple[float, str]:
    x = torch.rand(round(elements * factor))
    less = x[:elements]
    tasks: dict[str, Callable[[], Any]] = {"a": lambda: less.exp(), "b": lambda: x.exp()}
    blocks, _ = interleaved(tasks, PRECISE, CPU)
    ratio = statistics.median(b / a for a, b in zip(blocks["a"], blocks["b"], strict=True))
    return ratio, change(blocks["a"], blocks["b"]).answer


def _twice() -> float:
    x = torch.rand(ELEMENTS[0])
    tasks: dict[str, Callable[[], Any]] = {"a": lambda: x.exp(), "b": lambda: (x.exp(), x.exp())}
    blocks, _ = interleaved(tasks, PRECISE, CPU)
    return statistics.median(b / a for a, b in zip(blocks["a"], blocks["b"], strict=True))


def _cost_of_quick() -> tuple[float, float]:
    """Return the median and the most of what the clock adds to a point, in milliseconds."""
    added = []
    for name in EXPERIMENTS:
        spec = dataclasses.replace(specification(name), check="off")
        spec = dataclasses.replace(spec, derivations=spec.derivations[:1])
        timed = dataclasses.replace(spec, timing=Timing("quick"))
        case = case_of(spec)
        derivation = case.formula.derivations[spec.derivations[0]]
        if clock(case, derivation, case.differentiable, Timing("quick")).manual_ms < 1:
            plain, clocked = ([_seconds(one) for _ in range(5)] for one in (spec, timed))
            added.append(1e3 * (statistics.median(clocked) - statistics.median(plain)))
    return statistics.median(added), max(added)


def _seconds(spec: Any) -> float:
    began = time.perf_counter()
    run(spec)
    return time.perf_counter() - began
