r"""Logistic sigmoid, elementwise: y = s(x) = 1 / (1 + exp(-x)).

    x: (...)   y: (...)   g = dL/dy: (...)

With e = exp(-x), the slope e / (1 + e)^2 is the product of 1 / (1 + e) = s(x) and e / (1 + e) = s(-x). The
latter is also 1 - s(x), hence two forms:

    dL/dx = g (1 - y) y          from the output, all that a backward need keep
    dL/dx = g s(-x) s(x)         from the input

Delicate: as x grows, y approaches 1 and 1 - y loses its digits; from x = 37 on float64 has none left. The
second form subtracts nothing and keeps them until the slope itself underflows. At +-inf both give 0.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Slope, register_elementwise


def forward(x: Tensor) -> Tensor:
    return torch.sigmoid(x)


def output_product(y: Tensor) -> Slope:
    return 1 - y, y  # factors, multiplied onto g one after the other


def input_product(x: Tensor) -> Slope:
    return torch.sigmoid(-x), torch.sigmoid(x)


register_elementwise(
    slopes=[output_product, input_product],
    edges={"saturated": Edge.scaled("x", 100)},
    example=Example(shape={"size": [3, 5]}),
    latex=r"y = \sigma(x) = 1 / (1 + e^{-x}),\quad \nabla_x L = g\, (1 - y)\, y = g\, \sigma(-x)\, \sigma(x)",
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.88",
)
