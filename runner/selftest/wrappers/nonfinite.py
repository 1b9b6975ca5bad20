"""Wrappers that swallow NaN and infinity, which a loss scale waits for and a training run must not lose."""

import torch
from torch import Tensor

from runner.selftest.wrappers.wrapper import changed_gradients


@changed_gradients("not finite")
def nan_for_zero(grad: Tensor, x: Tensor) -> Tensor:
    """Return 0 for NaN."""
    return torch.where(grad.isnan(), torch.zeros_like(grad), grad)


@changed_gradients("not finite")
def largest_for_infinite(grad: Tensor, x: Tensor) -> Tensor:
    """Return the largest number of the dtype for infinity."""
    limit = torch.finfo(grad.dtype).max
    return torch.where(grad.isinf(), grad.clamp(-limit, limit), grad)
