r"""Affine layer on the rows of a batch: y = x W' + b.

    x: (..., n)   W: (m, n)   b: (m), optional   y: (..., m)   g = dL/dy: (..., m)

Every row x_r goes through the same layer, y_r = W x_r + b, and every row adds a term to the gradients of W
and b. With the rows stacked, X: (r, n) and G: (r, m), a sum of outer products is a product of matrices:

    dL/dW = sum_r g_r x_r' = G' X     (m, n)
    dL/db = sum_r g_r                 (m)
    dL/dx = g W                       (..., n)

b was broadcast over the rows; the adjoint of a broadcast is a sum. Without rows both sums are zero.

Delicate: the sum over rows is long, and in half precision would swallow its later terms. It is kept in
float32, as it is inside a product of matrices.
"""

import torch
from torch import Tensor

from experiments._precision import widened
from runner.formula import Edge, one_of, register


def shapes(batch: list[int], n: int, m: int, *, bias: bool = True) -> dict[str, tuple[int, ...]]:
    sizes: dict[str, tuple[int, ...]] = {"x": (*batch, n), "W": (m, n)}
    return {**sizes, "b": (m,)} if bias else sizes


def forward(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    return x @ W.T if b is None else x @ W.T + b


def library(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    return torch.nn.functional.linear(x, W, b)


def outer_product(grad_y: Tensor, x: Tensor, W: Tensor, b: Tensor | None = None) -> dict[str, Tensor]:
    gradients = {"x": grad_y @ W, "W": rows(grad_y).T @ rows(x)}
    if b is not None:
        gradients["b"] = widened(grad_y).sum_to_size(b.shape).to(b.dtype)
    return gradients


def rows(x: Tensor) -> Tensor:
    """Stack the rows of all leading dimensions."""
    return x.reshape(-1, x.shape[-1])


register(
    shapes=shapes,
    forward=forward,
    library=library,
    gradients=[outer_product],
    may_be_empty=("batch",),
    domain={"bias": one_of(True, False)},
    edges={"no_rows": Edge(shape={"batch": [3, 0]}), "one_row": Edge(shape={"batch": []})},
    latex=r"y = x W^\top + b,\quad \nabla_W L = \sum_r g_r x_r^\top,\quad \nabla_x L = g W",
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.5",
)
