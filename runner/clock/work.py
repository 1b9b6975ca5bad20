"""What a gradient has to do at least: the bytes that it reads and writes once, and its operations."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MATRIX_PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "_convolution", "convolution_backward")


@dataclass(frozen=True)
class Work:
    """Bytes moved between a call and the tensors outside of it, matrix operations, and all operations.

    `flops` are the multiplications and additions of matrix products and convolutions, by the formulas of
    `torch.utils.flop_counter`; `operations` are these, and one for each element that any other operation
    of PyTorch reads or writes, whichever are more.
    """

    bytes: int
    flops: int
    operations: int


def work(call: Callable[[], Any], reads: Iterable[Tensor]) -> Work:
    """Count what a call does that reads the tensors given and returns others."""
    counting = Counting()
    with counting:
        results = call()
    given = _by_address(reads)
    written = {
        address: size for address, size in _by_address(_tensors(results)).items() if address not in given
    }
    return Work(sum(given.values()) + sum(written.values()), counting.flops, counting.operations)


def _by_address(tensors: Iterable[Tensor]) -> dict[int, int]:
    """Return the bytes of each storage that tensors show: all of it, or what an expanded view has of it."""
    found: dict[int, int] = {}
    for tensor in tensors:
        storage = tensor.untyped_storage()
        shown = min(tensor.numel() * tensor.element_size(), storage.nbytes())
        found[storage.data_ptr()] = max(shown, found.get(storage.data_ptr(), 0))
    return found


class Counting(TorchDispatchMode):
    """Counts the operations that PyTorch dispatches."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = self.operations = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep PyTorch from importing its compiler, which takes seconds, to leave this out of it."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count it; a view costs nothing."""
        result = func(*args, **(kwargs or {}))
        if func._schema.name == "aten::detach" or func.is_view:
            return result
        flops = _flops(func, args, kwargs or {}, result)
        self.flops += flops
        moved = (tensor.numel() for tensor in _tensors((args, kwargs, result)))
        self.operations += flops or max(moved, default=0)
        return result


def _flops(func: Any, args: Any, kwargs: Any, result: Any) -> int:
    """Return what PyTorch's own counter has for an operation, which takes a while to import."""
    if func._schema.name.partition("::")[2] not in MATRIX_PRODUCTS and "attention" not in func._schema.name:
        return 0
    from torch.utils.flop_counter import flop_registry

    counted = flop_registry.get(func.overloadpacket)
    return int(counted(*args, **kwargs, out_val=result)) if counted else 0


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]
