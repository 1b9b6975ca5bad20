"""Wrappers that forget what lies beyond a block of a usual size, or its last element."""

import torch
from torch import Tensor

from runner.selftest.wrappers.wrapper import changed_gradients


@changed_gradients("beyond a tile")
def behind_128_columns(grad: Tensor, x: Tensor) -> Tensor:
    """Leave everything behind the first 128 places of the last axis at zero."""
    return _first(grad, -1, 128)


@changed_gradients("beyond a tile")
def behind_1024_columns(grad: Tensor, x: Tensor) -> Tensor:
    """Leave everything behind the first 1024 places of the last axis at zero."""
    return _first(grad, -1, 1024)


@changed_gradients("beyond a tile")
def behind_128_rows(grad: Tensor, x: Tensor) -> Tensor:
    """Leave everything behind the first 128 places of the first axis at zero."""
    return _first(grad, 0, 128)


@changed_gradients("beyond a tile")
def last_part_of_128(grad: Tensor, x: Tensor) -> Tensor:
    """Leave what is behind the last full block of 128 at zero, where there is a full block."""
    n = grad.shape[-1] if grad.ndim else 0
    return _first(grad, -1, n // 128 * 128) if n > 128 else grad


@changed_gradients("tail of a tile")
def end_of_each_block(grad: Tensor, x: Tensor) -> Tensor:
    """Leave the last place of each full block of 32 at zero: an end that is one too early."""
    if not grad.ndim:
        return grad
    places = torch.arange(grad.shape[-1], device=grad.device)
    return torch.where(places % 32 == 31, torch.zeros_like(grad), grad)


def _first(grad: Tensor, axis: int, n: int) -> Tensor:
    """Return zeros behind the first places of an axis."""
    if not grad.ndim or grad.shape[axis] <= n:
        return grad
    kept = torch.zeros_like(grad)
    kept.narrow(axis, 0, n).copy_(grad.narrow(axis, 0, n))
    return kept
