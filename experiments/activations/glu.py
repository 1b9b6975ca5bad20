r"""Gated linear unit: one half of the numbers is let through by the sigmoid of the other, y = a s(b).

    x = [a, b]: (..., 2n)   y: (..., n)   g = dL/dy: (..., n)   s(b) = 1 / (1 + exp(-b))

    dL/da = g s(b)                 (..., n)
    dL/db = g a s(b) s(-b)         (..., n)
    dL/dx = [dL/da, dL/db]         (..., 2n)

Delicate: s(-b) rather than 1 - s(b), as in `sigmoid`. Which half is the gate is a convention: here the
second, as in torch.nn.functional.glu; `swiglu` activates its first.
"""

import torch
from torch import Tensor

from experiments.activations import sigmoid
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register, through


def shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, 2 * n)}


@in_float32
def forward(x: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return a * torch.sigmoid(b)


def library(x: Tensor) -> Tensor:
    return torch.nn.functional.glu(x)


@in_float32
def product_rule(grad_y: Tensor, x: Tensor) -> Gradients:
    a, b = x.chunk(2, dim=-1)
    grad_a = grad_y * torch.sigmoid(b)
    grad_b = through(grad_y * a, sigmoid.input_product(b))
    return {"x": torch.cat([grad_a, grad_b], dim=-1)}


register(
    gradients=[product_rule],
    edges={
        "empty_batch": Edge.empty("batch"),
        "saturated": Edge.scaled("x", 100),
        "zeros": Edge.zeros("x"),
    },
    example=Example(shape={"batch": [2, 3], "n": 5}),
    latex=r"y = a \odot \sigma(b),\quad \nabla_a L = g\, \sigma(b),\quad "
    r"\nabla_b L = g\, a\, \sigma(b)\, \sigma(-b)",
    source="Dauphin et al., Language modeling with gated convolutional networks (2017)",
)
