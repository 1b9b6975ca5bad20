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


def channels_last(x: Tensor) -> Tensor:
    """Return the same numbers with axis 1 of three or more innermost in memory."""
    return x.movedim(1, -1).contiguous().movedim(-1, 1) if x.ndim > 2 else strided(x)


def exchanged(x: Tensor) -> Tensor:
    """Return the same numbers with the two axes before the last exchanged in memory, as heads are."""
    return x.transpose(-2, -3).contiguous().transpose(-2, -3) if x.ndim > 2 else strided(x)
