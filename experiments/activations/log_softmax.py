r"""Logarithm of a softmax along one dimension: y_i = x_i - log sum_k exp(x_k).

    x: (..., n, ...)   y: (..., n, ...)   G = dL/dy: (..., n, ...)   n = size of `dim`

Each fibre along `dim` is on its own. The log-sum-exp has the derivative p_j = exp(y_j) by x_j, so

    dy_i/dx_j = delta_ij - p_j     (n, n)

    dL/dx = G - p sum(G)           (..., n, ...)

`from_output` has p = exp(y), which is all that a backward need keep. `recomputed` makes p of x again.

Delicate: the logarithm of `softmax` would be -inf wherever p underflows; here y stays finite. The largest
score is subtracted before exp, which would overflow. In half precision y is rounded, and exp turns that
into a relative error of p: small p are wrong by many roundoffs of their own, but not of the largest.

Edges: a score of -inf has y = -inf and p = 0; a fibre of nothing else is NaN, as in `softmax`.
"""

from typing import Annotated

import torch
from torch import Tensor

from experiments.activations import softmax
from runner.formula import Edge, Example, Gradients, in_float32, integer, register

shapes = softmax.shapes


@in_float32
def forward(x: Tensor, *, dim: Annotated[int, integer(None, -1, 0, 1, -2)] = -1) -> Tensor:
    shifted = x - x.amax(dim, keepdim=True).detach()
    return shifted - torch.exp(shifted).sum(dim, keepdim=True).log()


def library(x: Tensor, *, dim: int = -1) -> Tensor:
    return torch.nn.functional.log_softmax(x, dim)


@in_float32
def from_output(grad_y: Tensor, y: Tensor, *, dim: int = -1) -> Gradients:
    return {"x": grad_y - torch.exp(y) * grad_y.sum(dim, keepdim=True)}


@in_float32
def recomputed(grad_y: Tensor, x: Tensor, *, dim: int = -1) -> Gradients:
    return {"x": grad_y - softmax.forward(x, dim=dim) * grad_y.sum(dim, keepdim=True)}


register(
    gradients=[from_output, recomputed],
    edges={
        "one_minus_inf": Edge(params={"dim": -1}, inputs=softmax.one_minus_inf),
        "row_of_minus_inf": Edge(params={"dim": -1}, inputs=softmax.row_of_minus_inf),
        "large_scores": Edge.shifted("x", 1e4),
        "one_score": Edge(shape={"size": [5, 1]}, params={"dim": -1}),
        "empty_batch": Edge(shape={"size": [0, 5]}, params={"dim": -1}),
    },
    example=Example(shape={"size": [3, 7, 5]}),
    latex=r"y = x - \log \textstyle\sum_k e^{x_k},\quad \nabla_x L = G - e^y \textstyle\sum_i G_i",
    source="Bridle (1990), Probabilistic interpretation of feedforward classification network outputs",
)
