"""Wrappers that take one layout of memory for another, and are right for those that most people try."""

import torch
from torch import Tensor

from runner.selftest.wrappers.arguments import changed_arguments, in_storage_order


@changed_arguments("non-contiguous upstream", "upstream gradient")
def upstream_by_row_stride(grad: Tensor) -> Tensor:
    """Read the rows of the upstream gradient where they are, and take their own stride for 1."""
    return by_row_stride(grad)


@changed_arguments("non-contiguous input", "input")
def inputs_by_row_stride(x: Tensor) -> Tensor:
    """Read the rows of inputs and saved tensors where they are, and take their own stride for 1."""
    return by_row_stride(x)


def by_row_stride(x: Tensor) -> Tensor:
    """Ignore the stride of the last axis; what would lie behind the memory begins again."""
    if not x.ndim or not x.numel() or x.stride(-1) == 1:
        return x
    stored = x.untyped_storage().nbytes() // x.element_size() - int(x.storage_offset())
    place = torch.zeros(x.shape, dtype=torch.long)
    for axis, (n, stride) in enumerate(zip(x.shape, (*x.stride()[:-1], 1), strict=True)):
        size = [-1 if a == axis else 1 for a in range(x.ndim)]
        place += (torch.arange(n) * stride).reshape(size)
    return torch.as_strided(x, (stored,), (1,))[place % stored]


@changed_arguments("non-contiguous upstream", "upstream gradient")
def channels_last_upstream(grad: Tensor) -> Tensor:
    """Read an upstream gradient whose channels lie last as if they came second."""
    return in_storage_order(grad) if channels_last(grad) else grad


@changed_arguments("non-contiguous input", "input")
def channels_last_inputs(x: Tensor) -> Tensor:
    """Read inputs and saved tensors whose channels lie last as if they came second."""
    return in_storage_order(x) if channels_last(x) else x


def channels_last(x: Tensor) -> bool:
    """Tell whether axis 1 of three or more is the innermost in memory, and the others are in order."""
    return x.ndim > 2 and not x.is_contiguous() and x.movedim(1, -1).is_contiguous()


@changed_arguments("non-contiguous upstream", "upstream gradient")
def upstream_of_heads(grad: Tensor) -> Tensor:
    """Read an upstream gradient whose two axes before the last are exchanged in memory as if in order."""
    return in_storage_order(grad) if heads_exchanged(grad) else grad


def heads_exchanged(x: Tensor) -> bool:
    """Tell whether the two axes before the last are exchanged in memory, as views of attention heads are."""
    return x.ndim > 2 and not x.is_contiguous() and x.transpose(-2, -3).is_contiguous()
