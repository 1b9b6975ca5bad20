r"""Two gradients from outside handgrad: one derived by hand, one in an autograd Function that exists already.

my_log_cosh        y = log cosh x          x, y: (...)         dL/dx = G tanh x
my_squared_relu    y = max(x + b, 0)^2     x, y: (..., n)      dL/dx = 2 G max(x + b, 0)
                                           b: (n)              dL/db = sum over rows of dL/dx
"""

import math
from typing import Any

import torch
from torch import Tensor

from runner.formula import Example, Sizes, register_elementwise
from runner.function import register_function


def log_cosh(x: Tensor) -> Tensor:
    """Return log cosh x = |x| + log(1 + exp(-2|x|)) - log 2, which does not overflow."""
    return x.abs() + torch.log1p(torch.exp(-2 * x.abs())) - math.log(2)


def slope(x: Tensor) -> Tensor:
    return torch.tanh(x)


register_elementwise(
    name="my_log_cosh", forward=log_cosh, slopes=[slope], example=Example(shape={"size": [4, 5]})
)


class SquaredReLU(torch.autograd.Function):
    """y = max(x + b, 0)^2; saves one tensor where autograd saves two."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, b: Tensor) -> Tensor:
        """Save the positive part."""
        positive = torch.relu(x + b)
        ctx.save_for_backward(positive)
        return positive**2

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor]:
        """Sum over the rows that share b, as the engine would otherwise do unasked."""
        (positive,) = ctx.saved_tensors
        grad_x = 2 * positive * grad_y
        return grad_x, grad_x.sum_to_size(positive.shape[-1:])


def squared_relu_shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n), "b": (n,)}


def squared_relu(x: Tensor, b: Tensor) -> Tensor:
    return torch.relu(x + b) ** 2


register_function(
    SquaredReLU,
    name="my_squared_relu",
    shapes=squared_relu_shapes,
    forward=squared_relu,
    example=Example(shape={"batch": [2, 3], "n": 5}),
)
