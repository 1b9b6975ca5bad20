"""Wrappers that take a short cut where an upstream gradient has zeros, or one sign."""

import torch
from torch import Tensor

from runner.selftest.wrappers.arguments import changed_arguments


@changed_arguments("sparse upstream", "upstream gradient")
def rows_that_begin_with_zero(grad: Tensor) -> Tensor:
    """Skip a row of the upstream gradient whose first number is zero."""
    return torch.where(grad[..., :1] == 0, torch.zeros_like(grad), grad) if grad.ndim else grad


@changed_arguments("sparse upstream", "upstream gradient")
def nothing_after_a_zero(grad: Tensor) -> Tensor:
    """Stop at the first zero of the upstream gradient."""
    before = (grad.flatten() != 0).cumprod(0).reshape(grad.shape)
    return grad * before.to(grad.dtype)


@changed_arguments("sparse upstream", "upstream gradient")
def rows_over_their_sums(grad: Tensor) -> Tensor:
    """Divide each row of the upstream gradient by its own size, and multiply again: NaN for no size."""
    total = grad.abs().sum(-1, keepdim=True) if grad.ndim else grad.abs()
    return grad * (total / total)


@changed_arguments("sparse upstream", "upstream gradient")
def nowhere_positive(grad: Tensor) -> Tensor:
    """Take an upstream gradient that is nowhere positive for zero."""
    return grad if bool((grad > 0).any()) else torch.zeros_like(grad)


@changed_arguments("sparse upstream", "upstream gradient")
def everywhere_positive(grad: Tensor) -> Tensor:
    """Take an upstream gradient that is everywhere positive for ones, as a loss sends them."""
    return torch.ones_like(grad) if bool((grad > 0).all()) else grad
