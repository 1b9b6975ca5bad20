"""What calls cost, counted: the operations that PyTorch dispatches, and the numbers that they move."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MATRIX_PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "_convolution", "convolution_backward")


class Counting(TorchDispatchMode):
    """Counts the operations that PyTorch dispatches.

    `flops` are the multiplications and additions of matrix products and convolutions, by the formulas of
    `torch.utils.flop_counter`; `moved` is one for each element that any other operation reads or writes,
    whichever are more; `operations` are both together, and `calls` are counted with views.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls = self.moved = self.flops = self.operations = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep PyTorch from importing its compiler, which takes seconds, to leave this out of it."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count it; a view moves nothing."""
        result = func(*args, **(kwargs or {}))
        self.calls += 1
        if func._schema.name == "aten::detach" or func.is_view:
            return result
        flops = _flops(func, args, kwargs or {}, result)
        self.flops += flops
        moved = _largest((*args, result))
        self.moved += 0 if flops else moved
        self.operations += flops or moved
        return result


def _flops(func: Any, args: Any, kwargs: Any, result: Any) -> int:
    """Return what PyTorch's own counter has for an operation, which takes a while to import."""
    if func._schema.name.partition("::")[2] not in MATRIX_PRODUCTS and "attention" not in func._schema.name:
        return 0
    from torch.utils.flop_counter import flop_registry

    counted = flop_registry.get(func.overloadpacket)
    return int(counted(*args, **kwargs, out_val=result)) if counted else 0


def _largest(values: Iterable[Any]) -> int:
    """Return the most elements of a tensor, by hand: a tree of values takes long to walk."""
    most = 0
    for value in values:
        if isinstance(value, torch.Tensor):
            most = max(most, value.numel())
        elif isinstance(value, list | tuple):
            most = max(most, _largest(value))
    return most


def tensors_of(values: Any) -> list[Tensor]:
    """Return the tensors in a structure of values."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]
