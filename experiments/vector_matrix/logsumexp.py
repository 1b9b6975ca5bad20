r"""Logarithm of a sum of exponentials along the last dimension: y = log sum_k exp(x_k).

    x: (..., n)   y, g = dL/dy: (...)

    dy/dx_k = exp(x_k) / sum_j exp(x_j) = softmax(x)_k = exp(x_k - y)

    dL/dx = g softmax(x)     (..., n)

`from_output` has the probabilities from y, `recomputed` makes a softmax.

Delicate: exp overflows, so the largest x is subtracted first and added again; where all are -inf there is
nothing to subtract, and y is -inf. exp(x - y) carries the rounding of y, at the size of y, into its
relative error: far from zero its digits go, and rows do not sum to 1. `recomputed` subtracts the largest x,
which is exact where the probability is not tiny.

Edges: a score of -inf gets 0; a row of nothing else is 0/0, NaN.
"""

import torch
from torch import Tensor

from experiments.activations import softmax
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n)}


@in_float32
def forward(x: Tensor) -> Tensor:
    top = x.amax(dim=-1, keepdim=True).detach()
    shift = top.masked_fill(top.isinf(), 0)
    return torch.log(torch.exp(x - shift).sum(dim=-1)) + shift[..., 0]


def library(x: Tensor) -> Tensor:
    return torch.logsumexp(x, dim=-1)


@in_float32
def recomputed(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": grad_y[..., None] * softmax.forward(x)}


@in_float32
def from_output(grad_y: Tensor, y: Tensor, x: Tensor) -> Gradients:
    return {"x": grad_y[..., None] * torch.exp(x - y[..., None])}


register(
    gradients=[recomputed, from_output],
    edges={
        "empty_batch": Edge.empty("batch"),
        "one_number": Edge(shape={"n": 1}),
        "large": Edge.scaled("x", 1e4),
        "one_minus_inf": Edge(inputs=softmax.one_minus_inf),
        "all_minus_inf": Edge.filled("x", -torch.inf),
    },
    example=Example(shape={"batch": [3, 2], "n": 7}),
    latex=r"y = \log \textstyle\sum_k e^{x_k},\quad \nabla_x L = g\, \mathrm{softmax}(x)",
    source="Boyd and Vandenberghe, Convex Optimization (2004), section 3.1.5",
)
