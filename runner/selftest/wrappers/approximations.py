"""Wrappers that put something simpler in the place of a function: a table, a limit, a constant."""

import torch
from torch import Tensor

from runner.selftest.due import Due
from runner.selftest.wrappers.arguments import changed_arguments
from runner.selftest.wrappers.wrapper import changed_gradients


@changed_arguments("approximation", "input")
def looked_up(x: Tensor) -> Tensor:
    """Look inputs and saved tensors up in a table of 4096 steps for each whole number."""
    return (x * 4096).round() / 4096


@changed_arguments("approximation", "input")
def saturated_early(x: Tensor) -> Tensor:
    """Take what is beyond 4 in size for 4, where a function is nearly flat."""
    return x.clamp(-4, 4)


@changed_arguments("approximation", "input")
def zero_early(x: Tensor) -> Tensor:
    """Take what is below 1e-3 in size for zero, where a function is nearly its tangent."""
    return torch.where(x.abs() < 1e-3, torch.zeros_like(x), x)


@changed_gradients("approximation", Due.of("factor", "precision"))
def sixth_of_float32(grad: Tensor, x: Tensor) -> Tensor:
    """Divide by 6 through a constant of float32, in float64 too."""
    return grad * (6 * float(torch.tensor(1 / 6, dtype=torch.float32)))
