r"""Root mean square normalisation of every row x of n numbers: y = (c + w) * xh, where xh = x / rms(x).

    x: (..., n)   w: (n), optional   rstd: (..., 1)   xh, y: (..., n)   g = dL/dy: (..., n)

    ms = 1/n sum_i x_i^2     rstd = 1 / sqrt(ms + eps)     xh = rstd x

Unlike layer normalisation it subtracts no mean. c is 0, or 1 where w is stored as its distance from one (as
in Gemma). All rows share w, so each adds a term to its gradient:

    dL/dw = sum over rows of g * xh     (n)

The gradient of xh is q = (c + w) * g. Every xh_i of a row depends on every x_j of it, directly and through
rstd, and drstd/dx_j = -1/2 rstd^3 2/n x_j = -1/n rstd^2 xh_j. So, exactly for any eps,

    dxh_i/dx_j = rstd (delta_ij - 1/n xh_i xh_j)

    dL/dx = rstd (q - xh mean(q * xh))     (..., n)

Only the part of q along x is taken out: to stretch x leaves y as it is, but for eps.

Delicate: rstd^3, which the chain rule writes down and autograd multiplies out, is beyond float16 from
|x| = 0.02 downwards, and so is x^2 from 256 upwards. The form above has rstd and xh alone; half precision is
computed in float32, and keeps rstd so.

Edges: a row of zeros gives y = 0 and dL/dx = q / sqrt(eps), but NaN if eps = 0. No rows: dL/dw = 0.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, at_least, in_float32, one_of, register


def shapes(batch: list[int], n: int, *, affine: bool = True) -> Sizes:
    return {"x": (*batch, n), "w": (n,)} if affine else {"x": (*batch, n)}


@in_float32(saved=("rstd",))
def forward(
    x: Tensor, w: Tensor | None = None, *,
    eps: Annotated[float, at_least(0, 1e-6, 0.1, 0)] = 1e-6,
    offset: Annotated[float, one_of(0.0, 1.0)] = 0.0,
) -> dict[str, Tensor]:  # fmt: skip
    rstd = reciprocal_rms(x, eps)
    xh = rstd * x
    return {"y": xh if w is None else (offset + w) * xh, "rstd": rstd}


def library(x: Tensor, w: Tensor | None = None, *, eps: float, offset: float) -> Tensor:
    return torch.nn.functional.rms_norm(x, x.shape[-1:], None if w is None else offset + w, eps)


@in_float32
def saved_rstd(
    grad_y: Tensor, rstd: Tensor, x: Tensor, w: Tensor | None = None, *, offset: float = 0.0
) -> Gradients:
    xh = rstd * x
    q = grad_y if w is None else (offset + w) * grad_y  # dL/dxh
    grad_x = rstd * (q - xh * (q * xh).mean(dim=-1, keepdim=True))
    return {"x": grad_x} if w is None else {"x": grad_x, "w": (grad_y * xh).sum_to_size(w.shape)}


@in_float32
def recomputed(
    grad_y: Tensor, x: Tensor, w: Tensor | None = None, *, eps: float, offset: float = 0.0
) -> Gradients:
    return saved_rstd(grad_y, reciprocal_rms(x, eps), x, w, offset=offset)


def reciprocal_rms(x: Tensor, eps: float) -> Tensor:
    return torch.rsqrt((x * x).mean(dim=-1, keepdim=True) + eps)


register(
    gradients=[saved_rstd, recomputed],
    edges={
        "no_rows": Edge.empty("batch"),
        "one_number": Edge(shape={"n": 1}),
        "row_of_zeros": Edge.zeros("x"),
        "zeros_without_eps": Edge.zeros("x", params={"eps": 0}),
        "small": Edge.scaled("x", 1e-3),
    },
    example=Example(shape={"batch": [2, 3], "n": 7}),
    latex=r"y = (c + w) \odot \hat x,\quad "
    r"\nabla_x L = r\, (q - \hat x\, \overline{q \odot \hat x}),\quad q = (c + w) \odot g",
    source="Zhang and Sennrich, Root Mean Square Layer Normalization (2019)",
)
