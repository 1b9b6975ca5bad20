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
    assert min(blocks["slow"]) > max(blocks["fast"])
    turns = [name for name, _ in groupby(order)]
    assert turns == ["fast", "slow"] * 3 + ["fast"], "a trial each, then there and back and there and back"


def test_one_task_that_calls_another_twice_takes_twice_as_long() -> None:
    x = torch.ones(200_000)

    def once() -> None:
        x.exp()

    def twice() -> None:
        once()
        once()

    blocks, _ = interleaved({"once": once, "twice": twice}, Timing("quick", rounds=41, min_time=0.1), CPU)
    ratios = sorted(two / one for one, two in zip(blocks["once"], blocks["twice"], strict=True))
    assert 1.6 < ratios[20] < 2.4


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


def test_cold_caches_make_what_is_small_slower() -> None:
    x = torch.ones(1 << 18)  # 1 MB: at home in a cache
    taken = {}
    for cache in ("warm", "cold"):
        settings = Timing("quick", rounds=5, min_time=1e-4, cache=cache)
        taken[cache] = min(interleaved({"a": lambda: x.sum()}, settings, CPU)[0]["a"])
    assert taken["cold"] > taken["warm"]


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
