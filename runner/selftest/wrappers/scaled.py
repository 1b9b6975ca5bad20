"""Wrappers whose result is not homogeneous in the upstream gradient, as a loss scale shows."""

import torch
from torch import Tensor

from runner.selftest.due import Due
from runner.selftest.wrappers.arguments import changed_arguments


@changed_arguments("scaled upstream", "upstream gradient")
def small_for_zero(grad: Tensor) -> Tensor:
    """Leave early where no number of the upstream gradient exceeds 1e-6 in size."""
    return grad if bool((grad.abs() > 1e-6).any()) else torch.zeros_like(grad)


@changed_arguments("scaled upstream", "upstream gradient")
def clipped_upstream(grad: Tensor) -> Tensor:
    """Clip the upstream gradient at 100 in size."""
    return grad.clamp(-100, 100)


@changed_arguments(
    "scaled upstream", "upstream gradient", Due.of("scale of upstream", "nonfinite", "precision")
)
def squared_on_the_way(grad: Tensor) -> Tensor:
    """Multiply the upstream gradient by its largest number and divide again, which a loss scale overflows."""
    largest = grad.abs().amax() if grad.numel() else grad.new_ones(())
    return torch.where(largest > 0, grad * largest / largest, grad)
