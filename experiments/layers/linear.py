r"""Affine layer on the rows of a batch: y = x W' + b.

    x: (..., n)   W: (m, n)   b: (m), optional   y: (..., m)   g = dL/dy: (..., m)

Every row x_r goes through the same layer, y_r = W x_r + b, and every row adds a term to the gradients of W
and b. With the rows stacked, X: (r, n) and G: (r, m), a sum of outer products is a product of matrices:

    dL/dW = sum_r g_r x_r' = G' X     (m, n)
    dL/db = sum_r g_r                 (m)
    dL/dx = g W                       (..., n)

b was broadcast over the rows; the adjoint of a broadcast is a sum. Without rows both sums are zero.

Delicate: the sum over rows is long, and in half precision would swallow its later terms. PyTorch keeps
it in float32, as it does inside a product of matrices.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, register


def shapes(batch: list[int], n: int, m: int, *, bias: bool = True) -> Sizes:
    sizes: Sizes = {"x": (*batch, n), "W": (m, n)}
    return {**sizes, "b": (m,)} if bias else sizes


def forward(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    return x @ W.T if b is None else x @ W.T + b


def library(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    return torch.nn.functional.linear(x, W, b)


def outer_product(grad_y: Tensor, x: Tensor, W: Tensor, b: Tensor | None = None) -> Gradients:
    return {"x": grad_y @ W, **of_parameters(grad_y, x, b)}


def of_parameters(grad_y: Tensor, x: Tensor, b: Tensor | None = None) -> Gradients:
    gradients = {"W": rows(grad_y).T @ rows(x)}
    return gradients if b is None else {**gradients, "b": grad_y.sum_to_size(b.shape)}


def rows(x: Tensor) -> Tensor:
    """Stack the rows of all leading dimensions."""
    return x.reshape(-1, x.shape[-1])


register(
    gradients=[outer_product],
    edges={"no_rows": Edge.empty("batch"), "one_row": Edge(shape={"batch": []})},
    example=Example(shape={"batch": [2, 3], "n": 7, "m": 5}),
    latex=r"y = x W^\top + b,\quad \nabla_W L = \sum_r g_r x_r^\top,\quad \nabla_x L = g W",
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.5",
)
