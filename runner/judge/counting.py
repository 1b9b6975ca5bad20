"""What calls cost, counted: the operations that PyTorch dispatches, and the numbers that they move."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from runner.judge.dispatch import EachOperation

MATRIX_PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "_convolution", "convolution_backward")


class Counting(EachOperation):  # type: ignore[no-untyped-call]
    """Counts the operations that PyTorch dispatches.

    `flops` are the multiplications and additions of matrix products and convolutions, by the formulas of
    `torch.utils.flop_counter`; `moved` is one for each element that any other operation reads or writes,
    whichever are more; `operations` are both together, and `calls` are counted with views.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.moved = self.flops = self.operations = 0

    def see(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Count an operation; a view moves nothing."""
        self.calls += 1
        if func._schema.name == "aten::detach" or func.is_view:
            return
        flops = _flops(func, args, kwargs, result)
        self.flops += flops
        moved = _largest((*args, result))
        self.moved += 0 if flops else moved
        self.operations += flops or moved


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
