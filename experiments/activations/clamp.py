r"""Clamp, elementwise: y = min(max(x, low), high).

    x: (...)   y: (...)   g = dL/dy: (...)

    dL/dx = g where low <= x <= high, and 0 elsewhere

On both borders the gradient passes. hardtanh(x) is the same function and stops it there: a convention goes
with an operation, not with its values. Nothing passes where low > high, and all is high.

Delicate: the mask is made from x. From y it cannot be: y = low is what lies below as well as on the border.
A NaN lies in no interval; y is NaN, and no gradient passes.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Domain, Example, register_elementwise

NUMBER = Domain("a number", lambda v: isinstance(v, int | float) and v == v, (-1.0, 0.0, 0.5))


def forward(
    x: Tensor, *, low: Annotated[float, NUMBER] = -1.0, high: Annotated[float, NUMBER] = 0.5
) -> Tensor:
    return torch.where(inside(x, low=low, high=high), x, x.detach().clamp(low, high))


def library(x: Tensor, *, low: float = -1.0, high: float = 0.5) -> Tensor:
    return torch.clamp(x, low, high)


def inside(x: Tensor, *, low: float = -1.0, high: float = 0.5) -> Tensor:
    return (x >= low) & (x <= high)


register_elementwise(
    slopes=[inside],
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = \min(\max(x, l), h),\quad \nabla_x L = g \odot [l \le x \le h]",
    source="PyTorch, torch.clamp and its derivative in derivatives.yaml",
)
