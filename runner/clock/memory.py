"""The memory that a gradient needs: the peak of what it allocates, and what forward has to keep for it.

The peak counts what PyTorch's allocator hands out during a call and has not got back, beyond what there was
before: results and temporary tensors, also those inside of a kernel. On a GPU the allocator itself keeps the
count; on the CPU it reports each allocation to the profiler.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch._C._autograd import _disable_profiler, _enable_profiler, _prepare_profiler
from torch._C._profiler import ProfilerActivity, ProfilerConfig, ProfilerState, _ExperimentalConfig
from torch.autograd.graph import saved_tensors_hooks

MEGABYTE = 1e6
STDERR = 2


def peak_mb(call: Callable[[], Any], device: torch.device) -> float:
    """Return the peak of what a call allocates, in megabytes of 10^6 bytes."""
    return (_peak_of_gpu if device.type == "cuda" else _peak_of_cpu)(call, device) / MEGABYTE


def _peak_of_gpu(call: Callable[[], Any], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def _peak_of_cpu(call: Callable[[], Any], device: torch.device) -> int:
    """Add up the allocations that the profiler recorded.

    `torch.profiler` itself imports what takes a second, and averages events; its own parts give them raw.
    """
    config = ProfilerConfig(ProfilerState.KINETO, False, True, False, False, False, _ExperimentalConfig())
    activities = {ProfilerActivity.CPU}
    with _silent():
        _prepare_profiler(config, activities)
        _enable_profiler(config, activities)
    try:
        call()
    finally:
        with _silent():
            recorded = _disable_profiler()
    found: list[Any] = [event for event in recorded.events() if event.name() == "[memory]"]
    found.sort(key=lambda event: event.start_ns())
    sizes: Iterator[int] = (event.nbytes() for event in found)  # negative where memory is given back
    return max(accumulate(sizes, initial=0))


@contextmanager
def _silent() -> Iterator[None]:
    """Keep off standard error what the profiler writes there each time that it starts and stops."""
    try:
        kept = os.dup(STDERR)
    except OSError:  # it is closed
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STDERR)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)


@contextmanager
def keeping() -> Iterator[list[Tensor]]:
    """Collect the tensors that forward saves for backward while the context lasts."""
    kept: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        yield kept


def size_mb(tensors: Iterable[Tensor], given: Iterable[Tensor]) -> float:
    """Return the memory of tensors, each storage once, without that of the tensors that were given."""
    known = {_address(tensor) for tensor in given}
    found: dict[int, int] = {}
    for tensor in tensors:
        with suppress(NotImplementedError, RuntimeError):  # one without memory of its own
            found[_address(tensor)] = tensor.untyped_storage().nbytes()
    return sum(size for address, size in found.items() if address not in known) / MEGABYTE


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
