r"""Triplet loss: an anchor should be closer to its positive than to its negative, by a margin.

    a, p, n: (N, d)   L: ()   g = upstream of L   |x|: length of a row

    L = 1/N sum over rows of max(0, margin + |a - p + eps| - |a - n + eps|)

With the unit vectors u = (a - p + eps) / |..| and v = (a - n + eps) / |..|, a row that violates its margin
has

    dL/da = g / N (u - v)     dL/dp = -g / N u     dL/dn = g / N v     (N, d)

and any other row nothing.

eps is added to each coordinate, as in PyTorch, so that a = p is no place where the length has no
derivative. That place has only moved: at a - p = -eps, the gradient is 0 by convention.

Delicate: the three gradients sum to zero, as a shift of all points leaves the distances. u - v cancels
where positive and negative lie in one direction. At the kink, a margin that is met exactly, the convention
of clamp is 1.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, above, at_least, in_float32, register


def shapes(N: int, d: int) -> Sizes:
    return {"a": (N, d), "p": (N, d), "n": (N, d)}


@in_float32
def forward(
    a: Tensor, p: Tensor, n: Tensor, *,
    margin: Annotated[float, above(0, 1, 5)] = 1.0, eps: Annotated[float, at_least(0, 1e-6, 0.1)] = 1e-6,
) -> Tensor:  # fmt: skip
    violation = margin + length(a - p + eps) - length(a - n + eps)
    return violation.clamp(min=0).mean()


def library(a: Tensor, p: Tensor, n: Tensor, *, margin: float = 1.0, eps: float = 1e-6) -> Tensor:
    return torch.nn.functional.triplet_margin_loss(a, p, n, margin=margin, eps=eps)


@in_float32
def unit_vectors(
    grad_loss: Tensor, a: Tensor, p: Tensor, n: Tensor, *, margin: float = 1.0, eps: float = 1e-6
) -> Gradients:
    to_p, to_n = a - p + eps, a - n + eps
    violates = margin + length(to_p) - length(to_n) >= 0
    g = torch.where(violates, grad_loss / max(len(a), 1), 0)
    u, v = g * direction(to_p), g * direction(to_n)
    return {"a": u - v, "p": -u, "n": v}


def direction(x: Tensor) -> Tensor:
    """Return x / |x|, and 0 for 0."""
    return x / length(x).masked_fill(length(x) == 0, 1)


def length(x: Tensor) -> Tensor:
    size: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return size


register(
    gradients=[unit_vectors],
    outputs=("loss",),
    edges={
        "one_number": Edge(shape={"d": 1}),
        "positive_is_anchor": Edge(inputs=lambda a: {"p": a}),
        "zero_distance": Edge(params={"eps": 0}, inputs=lambda a: {"p": a}),
        "all_satisfied": Edge(params={"margin": 1.0}, inputs=lambda a: {"p": a, "n": a + 100}),
    },
    example=Example(shape={"N": 7, "d": 5}, upstream="ones"),
    latex=r"L = \tfrac1N \textstyle\sum \max(0, m + d_{ap} - d_{an}),\quad \nabla_a L = \tfrac{g}{N} (u - v)",
    source="Schroff, Kalenichenko and Philbin, FaceNet (2015), eq. 2",
)
