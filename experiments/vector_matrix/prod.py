r"""Product of all numbers along the last dimension: y = x_1 x_2 ... x_n.

    x: (..., n)   y, g = dL/dy: (...)

    dL/dx_k = g product of all x_j with j != k     (..., n)

With products of what comes before, before_k = x_1 ... x_k-1, and after, after_k = x_k+1 ... x_n, that is

    dL/dx_k = g before_k after_k

two running products, no division.

Delicate: g y / x_k is the same number as long as no x is 0. With one zero it is 0/0 there, and should be
the product of all others; with two, all is 0. Edges: an empty product is 1; zeros, one or two in a row.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n)}


@in_float32
def forward(x: Tensor) -> Tensor:
    return x.prod(dim=-1)


@in_float32
def before_and_after(grad_y: Tensor, x: Tensor) -> Gradients:
    before, after = exclusive(x), exclusive(x.flip(-1)).flip(-1)
    return {"x": grad_y[..., None] * before * after}


def exclusive(x: Tensor) -> Tensor:
    """Return the product of all numbers before each: (..., n)."""
    shifted = torch.cat([torch.ones_like(x[..., :1]), x[..., :-1]], dim=-1)
    return shifted.cumprod(dim=-1)


def zeros_in_front(count: int) -> Edge:
    return Edge(inputs=lambda x: {"x": torch.cat([0 * x[..., :count], x[..., count:]], dim=-1)})


register(
    gradients=[before_and_after],
    edges={
        "empty_batch": Edge.empty("batch"),
        "one_number": Edge(shape={"n": 1}),
        "one_zero": zeros_in_front(1),
        "two_zeros": zeros_in_front(2),
        "all_zeros": Edge.zeros("x"),
    },
    example=Example(shape={"batch": [3, 2], "n": 5}),
    latex=r"y = \textstyle\prod_k x_k,\quad \nabla_{x_k} L = g \textstyle\prod_{j \ne k} x_j",
    source="PyTorch, prod and its derivative in FunctionsManual.cpp",
)
