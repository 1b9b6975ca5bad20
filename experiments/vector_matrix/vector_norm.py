r"""Length of a vector along the last dimension: y = (sum_k |x_k|^p)^(1/p).

    x: (..., n)   y, g = dL/dy: (...)   p = order

    dy/dx_k = 1/p (sum |x|^p)^(1/p - 1) p |x_k|^(p-1) sign(x_k)

    dL/dx = g sign(x) (|x| / y)^(p-1)     (..., n)

which for p = 2 is g x / y, and for p = 1 is g sign(x).

At x = 0 the function has a corner. The convention is 0, the shortest of its subgradients; the formula alone
is 0/0.

Delicate: |x| / y is at most 1, so that no power of it overflows; |x|^(p-1) / y^(p-1) could. The sum itself
is made of x divided by its largest number, for the same reason.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, at_least, in_float32, register


def shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n)}


@in_float32
def forward(x: Tensor, *, order: Annotated[float, at_least(1, 2, 1, 3)] = 2.0) -> Tensor:
    top = x.detach().abs().amax(dim=-1, keepdim=True)
    zero = top == 0
    shrunk = x / top.masked_fill(zero, 1)
    power = (shrunk.abs() ** order).sum(dim=-1, keepdim=True)
    y = top * power.masked_fill(zero, 1) ** (1 / order)
    return y[..., 0]


def library(x: Tensor, *, order: float = 2.0) -> Tensor:
    y: Tensor = torch.linalg.vector_norm(x, order, dim=-1)
    return y


@in_float32
def ratio(grad_y: Tensor, y: Tensor, x: Tensor, *, order: float = 2.0) -> Gradients:
    y = y[..., None]
    part = x.abs() / y.masked_fill(y == 0, 1)
    return {"x": grad_y[..., None] * torch.sign(x) * part ** (order - 1)}


register(
    gradients=[ratio],
    edges={
        "empty_batch": Edge.empty("batch"),
        "one_number": Edge(shape={"n": 1}),
        "zeros": Edge.zeros("x", kink=True),
        "large": Edge.scaled("x", 1e30),
    },
    example=Example(shape={"batch": [3, 2], "n": 7}),
    latex=r"y = \lVert x \rVert_p,\quad \nabla_x L = g\, \mathrm{sign}(x)\, (|x| / y)^{p-1}",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 129",
)
