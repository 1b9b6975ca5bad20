r"""Leaky rectified linear unit, elementwise: y = x where x > 0, and a x elsewhere.

    x: (...)   y: (...)   g = dL/dy: (...)   a = negative_slope

    dL/dx = g where x > 0, and a g elsewhere

At the kink, x = 0, the convention is a. The sign of y is that of x if a > 0, so the output would do as
well, and a backward may overwrite its input. `input_sign` reads x, which also serves a = 0.

Delicate: `torch.where(x > 0, 1.0, a)`, of two numbers, is a float32 tensor whatever x is: in float64 a then
has 8 digits. A NaN is not above 0, so y is NaN, and G passes times a.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Example, at_least, register_elementwise


def forward(x: Tensor, *, negative_slope: Annotated[float, at_least(0, 0.01, 0.3, 0)] = 0.01) -> Tensor:
    return torch.where(x > 0, x, negative_slope * x)


def library(x: Tensor, *, negative_slope: float = 0.01) -> Tensor:
    return torch.nn.functional.leaky_relu(x, negative_slope)


def input_sign(x: Tensor, *, negative_slope: float = 0.01) -> Tensor:
    return torch.where(x > 0, torch.ones_like(x), negative_slope)


register_elementwise(
    slopes=[input_sign],
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = \max(x, 0) + a \min(x, 0),\quad \nabla_x L = g\,([x > 0] + a [x \le 0])",
    source="Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models (2013)",
)
