r"""Hyperbolic tangent, elementwise: y = tanh(x) = sinh(x) / cosh(x).

    x: (...)   y: (...)   g = dL/dy: (...)

The quotient rule gives the slope (cosh^2 - sinh^2) / cosh^2 = 1 - y^2:

    dL/dx = g (1 - y^2)               from the output, all that a backward need keep

The same function is y = 2 s(2x) - 1 with the logistic sigmoid s. There the upstream gradient of s is 2g, and
the argument 2x brings another factor of 2:

    dL/dx = 2 (2g) s(-2x) s(2x)       from the input

Delicate: as |x| grows, y approaches +-1 and 1 - y^2 cancels. In float64 it has lost half of its digits at
x = 10, and all of them at x = 20. The second form subtracts nothing and keeps them until the slope itself
underflows. At +-inf both give 0.
"""

import torch
from torch import Tensor

from experiments._precision import widened
from experiments.activations import sigmoid
from runner.formula import Edge, register


def shapes(size: list[int]) -> dict[str, tuple[int, ...]]:
    return {"x": tuple(size)}


def forward(x: Tensor) -> Tensor:
    return torch.tanh(x)


def output_square(grad_y: Tensor, y: Tensor) -> dict[str, Tensor]:
    return {"x": (grad_y * (1 - widened(y) ** 2)).to(y.dtype)}


def sigmoid_product(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
    return {"x": 2 * sigmoid.input_product(2 * grad_y, 2 * x)["x"]}


register(
    shapes=shapes,
    forward=forward,
    gradients=[output_square, sigmoid_product],
    may_be_empty=("size",),
    edges={
        "empty": Edge(shape={"size": [0]}),
        "saturated": Edge(inputs=sigmoid.saturated),
        "infinite": Edge(inputs=sigmoid.infinite),
    },
    latex=r"y = \tanh x,\quad \nabla_x L = g\,(1 - y^2) = 4 g\, \sigma(-2x)\, \sigma(2x)",
    source="Abramowitz and Stegun (1964), eq. 4.5.73; Bishop (2006), section 5.1",
)
