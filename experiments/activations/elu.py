r"""Exponential linear unit, elementwise: y = x where x > 0, and a (exp(x) - 1) elsewhere.

    x: (...)   y: (...)   g = dL/dy: (...)   a = alpha

Where x > 0 the slope is 1. Elsewhere it is a exp(x), which is y + a, hence two forms:

    dL/dx = g (y + a)         from the output, all that a backward need keep
    dL/dx = g a exp(x)        from the input

At x = 0 the convention is a, the slope from the left.

Delicate: y + a cancels where x is far below 0 and y close to -a; the second form subtracts nothing. expm1
keeps the digits of y near 0, where exp(x) - 1 has none. And exp must not see a large x, even where it is
not chosen: autograd multiplies its infinity by 0.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Edge, Example, at_least, in_float32, register_elementwise


@in_float32
def forward(x: Tensor, *, alpha: Annotated[float, at_least(0, 1, 0.5, 0)] = 1.0) -> Tensor:
    return torch.where(x <= 0, alpha * torch.expm1(x.clamp(max=0)), x)


def library(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return torch.nn.functional.elu(x, alpha)


def output_sum(y: Tensor, *, alpha: float = 1.0) -> Tensor:
    return torch.where(y <= 0, y + alpha, 1)


def input_exponential(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return torch.where(x <= 0, alpha * torch.exp(x), 1)


register_elementwise(
    slopes=[output_sum, input_exponential],
    edges={"saturated": Edge.scaled("x", 100)},
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = x\,[x > 0] + a (e^x - 1) [x \le 0],\quad \nabla_x L = g\,([x > 0] + (y + a) [x \le 0])",
    source="Clevert, Unterthiner and Hochreiter, Exponential Linear Units (2016), eq. 15",
)
