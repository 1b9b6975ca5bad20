"""The same numbers, laid out in memory in other ways."""

import torch
from torch import Tensor


def strided(x: Tensor) -> Tensor:
    """Return the same numbers at every second place in memory."""
    return torch.stack([x, x + 1], dim=-1)[..., 0]


def transposed(x: Tensor) -> Tensor:
    """Return the same numbers in column-major order."""
    return x.mT.contiguous().mT if x.ndim > 1 else strided(x)


def expanded(x: Tensor) -> Tensor:
    """Return the first number at every place, with strides of 0."""
    return x.flatten()[0].expand(x.shape) if x.numel() else x.clone()
