"""The memory that a call needs beyond what is there before it: the peak of what it allocates."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MEGABYTE = 1e6


def peak_mb(call: Callable[[], Any], device: torch.device) -> float:
    """Return the peak of what a call allocates, in megabytes of 10^6 bytes.

    On a GPU the allocator counts. On the CPU the tensors are counted that PyTorch's operations return, for
    as long as they live; what a kernel uses inside is not seen.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return float(torch.cuda.max_memory_allocated(device) - before) / MEGABYTE
    counted = Counted()
    with counted:
        call()
    return counted.peak / MEGABYTE


class Counted(TorchDispatchMode):
    """Counts the bytes of the memory that operations return, until nobody holds it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}
        self._before: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count what is new in its result."""
        given = {t.untyped_storage()._cdata for t in _tensors((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        self._live = {key: kept for key, kept in self._live.items() if not _is_gone(kept[0])}
        for tensor in _tensors(result):
            storage = tensor.untyped_storage()
            if storage._cdata not in given and storage._cdata not in self._live:
                self._live[storage._cdata] = _watched(storage), storage.nbytes()
        self.peak = max(self.peak, sum(size for _, size in self._live.values()))
        return result


def _watched(storage: Any) -> StorageWeakRef:
    return StorageWeakRef(storage)  # type: ignore[no-untyped-call]


def _is_gone(watched: StorageWeakRef) -> bool:
    return bool(watched.expired())  # type: ignore[no-untyped-call]


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
