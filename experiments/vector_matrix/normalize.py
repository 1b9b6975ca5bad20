r"""Direction of each row: y = x / max(|x|, eps).

    x, y: (..., n)   g = dL/dy: (..., n)   |x|: length of a row

A direction moves across itself only. From d|x| = y'dx follows, where |x| > eps,

    dy = (dx - y y'dx) / |x|     dL/dx = (g - y <y, g>) / |x|     (..., n)

`projected` is that. Where |x| <= eps the divisor is a constant, and dL/dx = g / eps. `jacobian_product`
forms the matrix (I - y y') / |x| of each row, n n numbers, and multiplies.

Delicate: g - y <y, g> cancels where g points along x. max and not a sum: x / (|x| + eps) is another
function. In float16 the square of x is infinite from 256 upwards; lengths are made in float32.
"""

from typing import Annotated

import torch
from torch import Tensor

from experiments.losses.cosine_similarity import by_vector, direction, length
from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, register


def shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n)}


@in_float32
def forward(x: Tensor, *, eps: Annotated[float, above(0, 1e-12, 1)] = 1e-12) -> Tensor:
    return direction(x, eps)


def library(x: Tensor, *, eps: float = 1e-12) -> Tensor:
    return torch.nn.functional.normalize(x, dim=-1, eps=eps)


@in_float32
def projected(grad_y: Tensor, x: Tensor, *, eps: float = 1e-12) -> Gradients:
    return {"x": by_vector(grad_y, x, direction(x, eps), eps)}


@in_float32
def jacobian_product(grad_y: Tensor, x: Tensor, *, eps: float = 1e-12) -> Gradients:
    y = torch.where(length(x) > eps, direction(x, eps), 0)
    identity = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    J = (identity - y[..., :, None] * y[..., None, :]) / length(x).clamp(min=eps)[..., None]
    return {"x": (J @ grad_y[..., None])[..., 0]}


register(
    gradients=[projected, jacobian_product],
    edges={
        "empty_batch": Edge.empty("batch"),
        "one_number": Edge(shape={"n": 1}),
        "zeros": Edge.zeros("x"),
        "shorter_than_eps": Edge.scaled("x", 1e-3, params={"eps": 1.0}),
    },
    example=Example(shape={"batch": [3, 2], "n": 7}),
    latex=r"y = x / \lVert x \rVert,\quad \nabla_x L = (g - y\, \langle y, g \rangle) / \lVert x \rVert",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 130",
)
