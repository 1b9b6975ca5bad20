r"""Softmax along one dimension: y_i = exp(x_i) / sum_k exp(x_k).

    x: (..., n, ...)   y: (..., n, ...)   G = dL/dy: (..., n, ...)   n = size of `dim`

Each fibre along `dim` is on its own. From log y_i = x_i - log sum_k exp(x_k) follows the Jacobian of one
fibre, which is symmetric, with rows that sum to zero:

    dy_i/dx_j = y_i (delta_ij - y_j)     J = diag(y) - y y'     (n, n)

`jacobian` is the whole of it, of size output + input, zero between different fibres. `jacobian_product`
contracts J with the upstream gradient. `output_product` never forms J, since y' G is one number a fibre:

    dL/dx = J G = y * (G - <y, G>)     (..., n, ...)

Delicate: exp overflows where its argument is large. A shift of all scores leaves y alone, so the forward
subtracts the largest one first, and no gradient flows through that shift. G - <y, G> cancels where y is
close to one-hot; both are kept in float32 where x is in half precision.

A score of -inf has probability 0 and gradient 0. If all of a fibre are -inf, so is the largest; the
shifted scores are -inf + inf, and y and its gradient are NaN.
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, integer, register


def shapes(size: list[int], *, dim: int = -1) -> Sizes:
    rank = len(size)
    if not -rank <= dim < rank:
        raise ValueError(f"params.dim={dim}: shape.size={size} has the dimensions {-rank} to {rank - 1}")
    if size[dim] == 0:
        raise ValueError(f"shape.size={size}: dimension {dim} is empty; a softmax needs one score or more")
    return {"x": tuple(size)}


@in_float32
def forward(x: Tensor, *, dim: Annotated[int, integer(None, -1, 0, 1, -2)] = -1) -> Tensor:
    weights = torch.exp(x - x.amax(dim, keepdim=True).detach())
    return weights / weights.sum(dim, keepdim=True)


def library(x: Tensor, *, dim: int = -1) -> Tensor:
    return torch.nn.functional.softmax(x, dim)


@in_float32
def output_product(grad_y: Tensor, y: Tensor, *, dim: int = -1) -> Gradients:
    return {"x": y * (grad_y - (y * grad_y).sum(dim, keepdim=True))}


@in_float32
def jacobian_product(grad_y: Tensor, y: Tensor, *, dim: int = -1) -> Gradients:
    grad_x = torch.einsum("...ij,...j->...i", by_fibre(y, dim), grad_y.movedim(dim, -1))  # J G
    return {"x": grad_x.movedim(-1, dim)}


@in_float32
def jacobian(y: Tensor, *, dim: int = -1) -> Gradients:
    """Put the Jacobian of each fibre on the diagonal of a matrix of fibres."""
    blocks = by_fibre(y, dim)
    *others, n, _ = blocks.shape
    fibres, rank, dim = math.prod(others), y.ndim, dim % y.ndim
    same = torch.eye(fibres, dtype=blocks.dtype, device=y.device)
    full = torch.einsum("fg,gij->figj", same, blocks.reshape(fibres, n, n))
    full = full.reshape(*others, n, *others, n)
    return {"x": full.movedim((rank - 1, 2 * rank - 1), (dim, rank + dim))}


def by_fibre(y: Tensor, dim: int) -> Tensor:
    """Return y_i (delta_ij - y_j) of each fibre, of shape (..., n, n)."""
    y = y.movedim(dim, -1)
    delta = torch.eye(y.shape[-1], dtype=y.dtype, device=y.device)
    return y[..., :, None] * (delta - y[..., None, :])


def one_minus_inf(x: Tensor) -> dict[str, Tensor]:
    return {"x": torch.cat([torch.full_like(x[..., :1], -torch.inf), x[..., 1:]], dim=-1)}


def row_of_minus_inf(x: Tensor) -> dict[str, Tensor]:
    return {"x": torch.cat([torch.full_like(x[:1], -torch.inf), x[1:]])}


register(
    gradients=[output_product, jacobian_product],
    jacobians=[jacobian],
    edges={
        "one_minus_inf": Edge(params={"dim": -1}, inputs=one_minus_inf),
        "row_of_minus_inf": Edge(params={"dim": -1}, inputs=row_of_minus_inf),
        "large_scores": Edge.shifted("x", 1e4),
        "one_score": Edge(shape={"size": [5, 1]}, params={"dim": -1}),
        "empty_batch": Edge(shape={"size": [0, 5]}, params={"dim": -1}),
    },
    example=Example(shape={"size": [3, 7, 5]}),
    latex=r"y = \mathrm{softmax}(x),\quad \nabla_x L = y \odot (G - \langle y, G \rangle)",
    source="Bridle, Probabilistic interpretation of feedforward classification network outputs (1990)",
)
