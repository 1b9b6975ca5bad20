r"""Multiclass hinge loss: every wrong class should score less than the right one, by a margin.

    z: (N, C)   labels: (N)   L: ()   g = upstream of L

    L = 1/(N C) sum_i sum_c != t max(0, margin + z_ic - z_it),   t the label of row i

A wrong class that violates its margin takes g / (N C), and the right one gives as much for each of them:

    dL/dz_ic = g / (N C) [margin + z_ic - z_it > 0]     for c != t
    dL/dz_it = -sum of the others in the row

Each row of the gradient sums to zero: to shift a row leaves its loss as it is.

At the kink, where a margin is met exactly, the convention is 0. Delicate: the right class itself would
violate every positive margin, and is left out. The divisor has C in it, as in PyTorch; many texts divide by
N alone.

Edges: no rows, whose mean is NaN; one class, which has no rival. A label that is no class raises IndexError.
"""

from typing import Annotated

import torch
from torch import Tensor

from experiments.losses.cross_entropy import one_hot, refuse_unknown
from runner.formula import Draw, Edge, Example, Gradients, Sizes, above, in_float32, register


def shapes(N: int, C: int) -> Sizes:
    return {"z": (N, C), "labels": (N,)}


def sample(rng: Draw, N: int, C: int) -> dict[str, Tensor]:
    return {"labels": rng.integers((N,), 0, C)}


@in_float32
def forward(z: Tensor, labels: Tensor, *, margin: Annotated[float, above(0, 1, 0.3)] = 1.0) -> Tensor:
    refuse_unknown(labels, z.shape[1], -1)
    right = one_hot(labels, z.shape[1])
    violation = margin + z - torch.where(right, z, 0).sum(dim=1, keepdim=True)
    return torch.where(right | (violation <= 0), 0, violation).mean()


@in_float32  # PyTorch has no kernel for half precision
def library(z: Tensor, labels: Tensor, *, margin: float = 1.0) -> Tensor:
    return torch.nn.functional.multi_margin_loss(z, labels, margin=margin)


@in_float32
def count_violations(grad_loss: Tensor, z: Tensor, labels: Tensor, *, margin: float = 1.0) -> Gradients:
    right = one_hot(labels, z.shape[1])
    violation = margin + z - torch.where(right, z, 0).sum(dim=1, keepdim=True)
    violates = ~right & (violation > 0)
    slopes = torch.where(right, -violates.sum(dim=1, keepdim=True), violates.to(torch.int64))
    return {"z": grad_loss / max(z.numel(), 1) * slopes.to(z.dtype)}


register(
    gradients=[count_violations],
    outputs=("loss",),
    edges={
        "one_class": Edge(shape={"C": 1}),
        "no_such_class": Edge.filled("labels", 1_000_000, raises=IndexError),
        "all_equal": Edge.zeros("z"),
        "far_apart": Edge.scaled("z", 100),
    },
    example=Example(shape={"N": 11, "C": 7}, upstream="ones"),
    latex=r"L = \tfrac{1}{NC} \textstyle\sum_{c \ne t} \max(0, m + z_c - z_t),\quad "
    r"\nabla_{z_c} L = \tfrac{g}{NC} [m + z_c > z_t]",
    source="Crammer and Singer (2001); Weston and Watkins, Multi-class support vector machines (1998)",
)
