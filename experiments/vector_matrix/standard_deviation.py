r"""Standard deviation along the last dimension: s = sqrt(1/(n - c) sum_i (x_i - mean)^2).

    x: (..., n)   s, g = dL/ds: (...)   c = 0: of a population, 1: unbiased from a sample

s is the root of a `variance`. The root has the slope 1 / (2 s), the variance 2 (x - mean) / (n - c). So

    dL/dx = g (x - mean) / ((n - c) s)     (..., n)

Where all x of a row are equal, s has a corner and this is 0/0. The convention is 0, as in torch.std;
sqrt(var(x)) has NaN.

Delicate: beside the corner, where s is small but not 0, the gradient is as large as anywhere: (x - mean) /
s is of size 1. So nothing like an eps may be added to s. Numbers far from zero are centred twice, as in
`variance`.
"""

from typing import Annotated

import torch
from torch import Tensor

from experiments.vector_matrix import variance
from runner.formula import Edge, Example, Gradients, Sizes, at_least, in_float32, register


def shapes(batch: list[int], n: int, *, correction: float = 1) -> Sizes:
    if n <= correction:
        raise ValueError(f"shape.n={n}: must be greater than params.correction={correction}")
    return {"x": (*batch, n)}


@in_float32
def forward(x: Tensor, *, correction: Annotated[float, at_least(0, 1, 0, 1.5)] = 1) -> Tensor:
    v = variance.forward(x, correction=correction)
    return torch.where(v == 0, 0, torch.sqrt(v.masked_fill(v == 0, 1)))


def library(x: Tensor, *, correction: float = 1) -> Tensor:
    return torch.std(x, dim=-1, correction=correction)


@in_float32
def by_root(grad_s: Tensor, s: Tensor, x: Tensor, *, correction: float = 1) -> Gradients:
    grad_v = grad_s / (2 * s.masked_fill(s == 0, 1))
    return variance.two_pass(grad_v, x, correction=correction)


register(
    gradients=[by_root],
    outputs=("s",),
    edges={
        "empty_batch": Edge.empty("batch"),
        "equal_values": Edge(inputs=lambda x: {"x": x[..., :1].expand_as(x)}, kink=True),
        "large_offset": Edge.shifted("x", 1e6),
        "nearly_equal": Edge.scaled("x", 1e-8),
    },
    example=Example(shape={"batch": [3, 2], "n": 11}),
    latex=r"s = \sqrt{\tfrac{1}{n-c} \sum_i (x_i - \bar x)^2},\quad "
    r"\nabla_x L = g\,(x - \bar x) / ((n - c)\, s)",
    source="Chan, Golub and LeVeque, Algorithms for computing the sample variance (1983)",
)
