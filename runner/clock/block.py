"""One block: a number of calls of a task, and the seconds that one of them took."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from runner.settings import Timing

if TYPE_CHECKING:
    from torch.utils.benchmark import Timer

Task = Callable[[], Any]
Block = Callable[[int], float]
"""Times a number of calls of its task; returns the seconds that one of them took."""

CACHES_OF_A_CPU = 256 << 20  # bytes: no less than the last level of nearly every processor


def cache_of(settings: Timing, device: torch.device) -> str:
    """Return what the caches hold: by default warm on the CPU, and cold on a GPU, as a kernel finds them."""
    return settings.cache or ("cold" if device.type == "cuda" else "warm")


def block_of(task: Task, settings: Timing, device: torch.device) -> Block:
    """Return what times blocks of a task on a device, with warm caches or with cold ones."""
    is_cold = cache_of(settings, device) == "cold"
    if device.type == "cuda":
        return _events(task, device, is_cold)
    return _cold(task) if is_cold else _warm(task)


def _warm(task: Task) -> Block:
    timer = _timer(task)
    return lambda calls: timer.timeit(calls).raw_times[0] / calls


def _cold(task: Task) -> Block:
    """Time single calls, each after other data has taken the caches."""
    other = torch.empty(CACHES_OF_A_CPU // 8, dtype=torch.float64)
    timer = _timer(task, setup="evict()", evict=lambda: other.add_(1.0))
    return lambda calls: sum(timer.timeit(1).raw_times[0] for _ in range(calls)) / calls


def _timer(task: Task, setup: str = "pass", **names: Any) -> "Timer":
    from torch.utils.benchmark import Timer  # a tenth of a second, which a run without a clock need not wait

    return Timer("task()", setup, globals={"task": task, **names}, num_threads=torch.get_num_threads())


def _events(task: Task, device: torch.device, is_cold: bool) -> Block:
    """Time each call between two events on the device's stream, which the host's own pace stays out of."""
    properties = torch.cuda.get_device_properties(device)
    other = torch.empty(2 * properties.L2_cache_size if is_cold else 0, dtype=torch.int8, device=device)

    def block(calls: int) -> float:
        pairs = [(_event(), _event()) for _ in range(calls)]
        torch.cuda.synchronize(device)
        for begin, end in pairs:
            other.zero_()
            begin.record()
            task()
            end.record()
        torch.cuda.synchronize(device)
        return float(sum(begin.elapsed_time(end) for begin, end in pairs)) / calls / 1e3

    return block


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
