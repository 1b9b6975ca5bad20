"""Rounds of blocks: each task is timed for a block of calls, one after another, until that is enough."""

import time
from collections.abc import Mapping

import torch

from runner.clock.block import Block, Task, block_of
from runner.clock.noise import width
from runner.settings import Timing

LEAST_ROUNDS = 3
Blocks = Mapping[str, list[float]]
"""Seconds that a call takes, of each block, by task; those of a round stand at the same place."""


def interleaved(tasks: Mapping[str, Task], settings: Timing, device: torch.device) -> tuple[Blocks, str]:
    """Time every task in turn, a round forwards and a round backwards; say why it ended.

    That is `settled` where the medians are known as well as `interval` asks, `budget` where `max_time` was
    spent before, and nothing where no interval is asked and all rounds were run.
    """
    over = time.perf_counter() + settings.max_time
    timed = {name: block_of(task, settings, device) for name, task in tasks.items()}
    calls = {name: _calls(block, settings) for name, block in timed.items()}
    blocks: dict[str, list[float]] = {name: [] for name in tasks}
    order = [*tasks]
    while True:
        for name in order:
            blocks[name].append(timed[name](calls[name]))
        order.reverse()
        done = len(blocks[order[0]])
        if done >= settings.rounds and _settled(blocks, settings.interval):
            return blocks, "settled" if settings.interval else ""
        if done >= LEAST_ROUNDS and time.perf_counter() > over:
            return blocks, "budget"


def _calls(block: Block, settings: Timing) -> int:
    """Return how many calls fill a block; the trial also warms up what is lazy."""
    once = max(block(1), 1e-9)
    return max(1, round(settings.min_time / settings.rounds / once))


def _settled(blocks: Blocks, interval: float | None) -> bool:
    return interval is None or all(width(of_task) <= interval for of_task in blocks.values())
