r"""Softplus, elementwise: y = log(1 + exp(b x)) / b, a smooth max(x, 0).

    x: (...)   y: (...)   g = dL/dy: (...)   b = beta

The logarithm's 1 / (1 + exp(b x)) times exp(b x) is the logistic sigmoid s; the two b cancel:

    dL/dx = g s(b x)

PyTorch takes y = x where b x > threshold, by default 20: the function is within 2e-9 of that there. Its
slope is then 1.

Delicate: exp overflows; log1p(exp(-|b x|)) + max(b x, 0) never does. log(1 + exp) would lose all digits of
y far below 0, where y = exp(b x) / b; log1p does not.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Edge, Example, above, at_least, in_float32, register_elementwise


@in_float32
def forward(
    x: Tensor, *,
    beta: Annotated[float, above(0, 1, 2, 0.5)] = 1.0, threshold: Annotated[float, at_least(0, 20, 1)] = 20.0,
) -> Tensor:  # fmt: skip
    curved = torch.logaddexp(beta * x, torch.zeros_like(x)) / beta
    return torch.where(beta * x > threshold, x, curved)


def library(x: Tensor, *, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    return torch.nn.functional.softplus(x, beta, threshold)


def logistic(x: Tensor, *, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    return torch.where(beta * x > threshold, 1, torch.sigmoid(beta * x))


register_elementwise(
    slopes=[logistic],
    edges={"saturated": Edge.scaled("x", 100)},
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = \tfrac1b \log(1 + e^{b x}),\quad \nabla_x L = g\, \sigma(b x)",
    source="Dugas et al. (2001), Incorporating second-order functional knowledge, eq. 4",
)
