r"""Hyperbolic tangent, elementwise: y = tanh(x) = sinh(x) / cosh(x).

    x: (...)   y: (...)   g = dL/dy: (...)

The quotient rule gives the slope (cosh^2 - sinh^2) / cosh^2 = 1 - y^2:

    dL/dx = g (1 - y^2)               from the output, all that a backward need keep

The same function is y = 2 s(2x) - 1 with the logistic sigmoid s. The factor before s brings a 2, and the
argument 2x another:

    dL/dx = g 4 s(-2x) s(2x)          from the input

Delicate: as |x| grows, y approaches +-1 and 1 - y^2 cancels. In float64 it has lost half of its digits at
x = 10, and all of them at x = 20. The second form subtracts nothing and keeps them until the slope itself
underflows. At +-inf both give 0.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Slope, register_elementwise


def forward(x: Tensor) -> Tensor:
    return torch.tanh(x)


def output_square(y: Tensor) -> Tensor:
    return 1 - y**2


def sigmoid_product(x: Tensor) -> Slope:
    return 4 * torch.sigmoid(-2 * x), torch.sigmoid(2 * x)


register_elementwise(
    slopes=[output_square, sigmoid_product],
    edges={"saturated": Edge.scaled("x", 100)},
    example=Example(shape={"size": [3, 5]}),
    latex=r"y = \tanh x,\quad \nabla_x L = g\,(1 - y^2) = 4 g\, \sigma(-2x)\, \sigma(2x)",
    source="Abramowitz and Stegun (1964), eq. 4.5.73; Bishop (2006), section 5.1",
)
