r"""Layer normalisation of every row x of n numbers: y = w * xh + b, where xh = (x - mean) / sqrt(var + eps).

    x: (..., n)   w, b: (n), optional   mean, rstd: (..., 1)   xh, y: (..., n)   g = dL/dy: (..., n)

    mean = 1/n sum_i x_i     var = 1/n sum_i (x_i - mean)^2     rstd = 1 / sqrt(var + eps)

The product of elements is *. All rows share w and b, so each row adds a term to their gradients:

    dL/dw = sum over rows of g * xh     (n)
    dL/db = sum over rows of g          (n)

The gradient of xh is q = dL/dxh = w * g. Every xh_i = rstd (x_i - mean) of a row depends on every x_j of it:
directly, through mean, and through rstd. The deviations x_i - mean sum to zero, so what reaches var through
mean cancels:

    dmean/dx_j = 1/n
    dvar/dx_j  = 2/n (x_j - mean)
    drstd/dx_j = -1/2 rstd^3 dvar/dx_j = -1/n rstd^2 xh_j

By the product rule, and exactly for any eps,

    dxh_i/dx_j = rstd (delta_ij - 1/n) + (x_i - mean) drstd/dx_j
               = rstd (delta_ij - 1/n - 1/n xh_i xh_j)

Summed over i against q_i, the two terms with 1/n become means over the row:

    dL/dx = rstd (q - mean(q) - xh mean(q * xh))     (..., n)

They take out of q what cannot pass: to shift x leaves y as it is, and so, but for eps, does to stretch it.

Delicate: mean(x^2) - mean^2 would cancel where mean is large, so var takes a second pass over the row. Even
then the rounding of mean shifts all deviations alike; they are centred once more. (In float32, at x + 10^4,
that brings the error of dL/dx from thousands of roundoffs to three.) Half precision is computed in float32.

Edges: equal numbers, as with n = 1, give xh = 0 and y = b, but NaN if eps = 0. No rows: dL/dw = dL/db = 0.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, at_least, in_float32, register


def shapes(batch: list[int], n: int, *, affine: bool = True) -> Sizes:
    sizes: Sizes = {"x": (*batch, n)}
    return {**sizes, "w": (n,), "b": (n,)} if affine else sizes


@in_float32(saved=("mean", "rstd"))
def forward(
    x: Tensor, w: Tensor | None = None, b: Tensor | None = None,
    *, eps: Annotated[float, at_least(0, 1e-5, 0.1, 0)] = 1e-5,
) -> dict[str, Tensor]:  # fmt: skip
    mean, rstd = statistics(x, eps)
    xh = normalised(x, mean, rstd)
    y = xh if w is None or b is None else w * xh + b
    return {"y": y, "mean": mean, "rstd": rstd}


def library(x: Tensor, w: Tensor | None = None, b: Tensor | None = None, *, eps: float = 1e-5) -> Tensor:
    return torch.nn.functional.layer_norm(x, x.shape[-1:], w, b, eps)


@in_float32
def saved_statistics(
    grad_y: Tensor, mean: Tensor, rstd: Tensor, x: Tensor, w: Tensor | None = None, b: Tensor | None = None
) -> Gradients:
    xh = normalised(x, mean, rstd)
    q = grad_y if w is None else w * grad_y  # dL/dxh
    gradients = {"x": rstd * (q - xh * row_mean(q * xh) - row_mean(q))}
    if w is not None and b is not None:
        gradients["w"] = (grad_y * xh).sum_to_size(w.shape)
        gradients["b"] = grad_y.sum_to_size(b.shape)
    return gradients


@in_float32
def recomputed(
    grad_y: Tensor, x: Tensor, w: Tensor | None = None, b: Tensor | None = None, *, eps: float
) -> Gradients:
    return saved_statistics(grad_y, *statistics(x, eps), x, w, b)


def statistics(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return mean and 1 / sqrt(var + eps) of each row: (..., 1) both."""
    mean = row_mean(x)
    variance = row_mean(deviation(x, mean) ** 2)
    return mean, torch.rsqrt(variance + eps)


def normalised(x: Tensor, mean: Tensor, rstd: Tensor) -> Tensor:
    return rstd * deviation(x, mean)


def deviation(x: Tensor, mean: Tensor) -> Tensor:
    """Return x - mean, rid of the rounding of mean, which shifts all of a row alike."""
    d = x - mean
    return d - row_mean(d)


def row_mean(x: Tensor) -> Tensor:
    return x.mean(dim=-1, keepdim=True)


register(
    gradients=[saved_statistics, recomputed],
    edges={
        "no_rows": Edge.empty("batch"),
        "one_number": Edge(shape={"n": 1}),
        "equal_numbers": Edge.filled("x", 2),
        "equal_numbers_without_eps": Edge.filled("x", 2, params={"eps": 0}),
        "far_from_zero": Edge.shifted("x", 1000),
    },
    example=Example(shape={"batch": [2, 3], "n": 7}),
    latex=r"y = w \odot \hat x + b,\quad "
    r"\nabla_x L = r\, (q - \overline{q} - \hat x\, \overline{q \odot \hat x}),\quad q = w \odot g",
    source="Ba, Kiros and Hinton (2016), Layer Normalization",
)
