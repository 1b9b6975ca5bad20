"""Rounds of blocks: who is timed when, and why it ends."""

from itertools import groupby

import pytest
import torch

from runner.clock.rounds import interleaved
from runner.settings import Timing

CPU = torch.device("cpu")


def test_tasks_take_turns_forwards_and_backwards() -> None:
    order: list[str] = []
    settings = Timing("quick", rounds=4, min_time=1e-5)
    tasks = {"fast": lambda: order.append("fast"), "slow": lambda: order.extend(["slow"] * 50_000)}
    blocks, ended = interleaved(tasks, settings, CPU)
    assert ended == ""
    assert {name: len(of_task) for name, of_task in blocks.items()} == {"fast": 4, "slow": 4}
    turns = [name for name, _ in groupby(order)]
    assert turns == ["fast", "slow"] * 3 + ["fast"], "a trial each, then there and back and there and back"


def test_it_goes_on_until_it_is_settled_or_the_time_is_over() -> None:
    x = torch.ones(1000)
    settled = Timing("precise", rounds=3, min_time=1e-4, interval=10.0, max_time=60.0)
    blocks, ended = interleaved({"a": lambda: x + 1}, settled, CPU)
    assert (len(blocks["a"]), ended) == (3, "settled")
    hopeless = Timing("precise", rounds=3, min_time=1e-4, interval=1e-12, max_time=0.05)
    blocks, ended = interleaved({"a": lambda: x + 1}, hopeless, CPU)
    assert (len(blocks["a"]) > 3, ended) == (True, "budget")
    slow = Timing("precise", rounds=50, min_time=1e-4, max_time=1e-9)
    assert len(interleaved({"a": lambda: x + 1}, slow, CPU)[0]["a"]) == 3, "three rounds whatever they take"


def test_with_cold_caches_each_call_stands_alone() -> None:
    calls: list[str] = []
    x = torch.ones(1000)

    def task() -> None:
        calls.append("task")
        x.sum()

    blocks, _ = interleaved({"a": task}, Timing("quick", rounds=3, min_time=1e-9, cache="cold"), CPU)
    assert len(blocks["a"]) == 3
    assert len(calls) == 4 * (2 + 1), "a trial and three blocks of one call, each warmed up by two"


@pytest.mark.parametrize("threads", [1, 2])
def test_the_threads_of_the_process_are_used(threads: int) -> None:
    before, seen = torch.get_num_threads(), set[int]()
    torch.set_num_threads(threads)
    try:
        tasks = {"a": lambda: seen.add(torch.get_num_threads())}
        interleaved(tasks, Timing("quick", rounds=3, min_time=1e-5), CPU)
    finally:
        torch.set_num_threads(before)
    assert seen == {threads}
