r"""Variance along the last dimension: v = 1/(n - c) sum_i (x_i - mean)^2, with the correction c.

    x: (..., n)   v: (...)   g = dL/dv: (...)   c = 0: of a population, 1: unbiased from a sample

With d_i = x_i - mean and dmean/dx_j = 1/n the chain rule gives two terms, of which the second is zero
because deviations sum to zero:

    dv/dx_j = 2/(n - c) (d_j - 1/n sum_i d_i) = 2/(n - c) d_j

    dL/dx = 2/(n - c) g (x - mean)     (..., n)

`two_pass` computes that: the mean first, then the deviations. `one_pass` starts from the other formula
for a variance, n/(n - c) (E[x^2] - E[x]^2), which reads x once. Differentiated term by term it is

    dL/dx = a x - a mean,     a = 2/(n - c) g

Delicate: data far from zero. `one_pass` is the same number, but as a difference of two large products,
each rounded at the size of the offset: the digits they share cancel, and what is left is rounding. The
deviation x - mean of close numbers is exact; only the mean itself is rounded, and shifts all deviations
alike. Subtracting the mean of the deviations (Bjorck's correction) takes that shift out again.

n must exceed c. The one exception is a single value at c = 1: v = 0/0 is NaN, and so is its gradient.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, at_least, in_float32, register


def shapes(batch: list[int], n: int, *, correction: float = 1) -> Sizes:
    if n <= correction and not n == correction == 1:
        raise ValueError(f"shape.n={n}: must be greater than params.correction={correction}")
    return {"x": (*batch, n)}


@in_float32
def forward(x: Tensor, *, correction: Annotated[float, at_least(0, 1, 0, 1.5)] = 1) -> Tensor:
    return deviations(x).square().sum(-1) / (x.shape[-1] - correction)


def library(x: Tensor, *, correction: float = 1) -> Tensor:
    return torch.var(x, dim=-1, correction=correction)


@in_float32
def two_pass(grad_v: Tensor, x: Tensor, *, correction: float = 1) -> Gradients:
    g = grad_v[..., None]
    return {"x": 2 * g * deviations(x) / (x.shape[-1] - correction)}


@in_float32
def one_pass(grad_v: Tensor, x: Tensor, *, correction: float = 1) -> Gradients:
    a = 2 * grad_v[..., None] / (x.shape[-1] - correction)
    return {"x": a * x - a * x.mean(-1, keepdim=True)}


def deviations(x: Tensor) -> Tensor:
    """Return x - mean, free of the rounding of the mean."""
    d = x - x.mean(-1, keepdim=True)
    return d - d.mean(-1, keepdim=True)


register(
    gradients=[two_pass, one_pass],
    outputs=("v",),
    edges={
        "single_value": Edge(shape={"n": 1}, params={"correction": 1}),
        "equal_values": Edge(inputs=lambda x: {"x": x[..., :1].expand_as(x)}),
        "large_offset": Edge.shifted("x", 1e6),
        "empty_batch": Edge.empty("batch"),
    },
    example=Example(shape={"batch": [3, 2], "n": 11}),
    latex=r"v = \tfrac{1}{n-c} \sum_i (x_i - \bar x)^2,\quad \nabla_x L = \tfrac{2}{n-c}\, g\,(x - \bar x)",
    source="Chan, Golub and LeVeque, Algorithms for computing the sample variance (1983)",
)
