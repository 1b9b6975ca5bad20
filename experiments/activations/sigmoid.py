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

from experiments._precision import widened
from runner.formula import Edge, register


def shapes(size: list[int]) -> dict[str, tuple[int, ...]]:
    return {"x": tuple(size)}


def forward(x: Tensor) -> Tensor:
    return torch.sigmoid(x)


def output_product(grad_y: Tensor, y: Tensor) -> dict[str, Tensor]:
    s = widened(y)
    return {"x": (grad_y * (1 - s) * s).to(y.dtype)}


def input_product(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
    s, complement = torch.sigmoid(widened(x)), torch.sigmoid(-widened(x))
    return {"x": (grad_y * complement * s).to(x.dtype)}


def saturated(x: Tensor) -> dict[str, Tensor]:
    return {"x": 100 * x}


def infinite(x: Tensor) -> dict[str, Tensor]:
    return {"x": torch.copysign(torch.full_like(x, torch.inf), x)}


register(
    shapes=shapes,
    forward=forward,
    gradients=[output_product, input_product],
    may_be_empty=("size",),
    edges={
        "empty": Edge(shape={"size": [0]}),
        "saturated": Edge(inputs=saturated),
        "infinite": Edge(inputs=infinite),
    },
    latex=r"y = \sigma(x) = 1 / (1 + e^{-x}),\quad \nabla_x L = g\, (1 - y)\, y = g\, \sigma(-x)\, \sigma(x)",
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.88",
)
