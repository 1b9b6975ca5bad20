r"""InfoNCE, the loss of contrastive learning: each row of A should be closest to the same row of B.

    A, B: (N, d)   S: (N, N)   L: ()   g = upstream of L

    S = A B' / tau     L = cross_entropy(S, labels 0 ... N-1), symmetric: the mean with that of S'

With dS, the gradient of `cross_entropy`, which is g/N (softmax(S) - I), a product of matrices does the rest:

    dL/dA = dS B / tau      (N, d)
    dL/dB = dS' A / tau     (N, d)

For both directions dS is the mean of that of the rows, and the transpose of that of S'.

Delicate: a small tau makes scores large and softmax nearly one-hot, where softmax(S) - I cancels. Rows of A
and B are usually normalised before (`normalize`); this page takes them as they are. Every other row of the
batch is a negative: the gradient of one row depends on all of them.
"""

from typing import Annotated

import torch
from torch import Tensor

from experiments.losses import cross_entropy
from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, register


def shapes(N: int, d: int) -> Sizes:
    return {"A": (N, d), "B": (N, d)}


@in_float32
def forward(
    A: Tensor, B: Tensor, *, tau: Annotated[float, above(0, 0.1, 1)] = 0.1, symmetric: bool = False
) -> Tensor:
    S = A @ B.T / tau
    losses = [cross_entropy.forward(scores, diagonal(S))["loss"] for scores in directions(S, symmetric)]
    return torch.stack(losses).mean()


def library(A: Tensor, B: Tensor, *, tau: float = 0.1, symmetric: bool = False) -> Tensor:
    S = A @ B.T / tau
    losses = [torch.nn.functional.cross_entropy(scores, diagonal(S)) for scores in directions(S, symmetric)]
    return torch.stack(losses).mean()


@in_float32
def by_scores(
    grad_loss: Tensor, A: Tensor, B: Tensor, *, tau: float = 0.1, symmetric: bool = False
) -> Gradients:
    S = A @ B.T / tau
    dS = by_row(grad_loss, S)
    if symmetric:
        dS = (dS + by_row(grad_loss, S.T).T) / 2
    return {"A": dS @ B / tau, "B": dS.T @ A / tau}


def by_row(grad_loss: Tensor, S: Tensor) -> Tensor:
    top, total = cross_entropy.shifted_sum_exp(S)
    return cross_entropy.zero_row_sum(grad_loss, S, diagonal(S), top, total)["z"]


def directions(S: Tensor, symmetric: bool) -> list[Tensor]:
    return [S, S.T] if symmetric else [S]


def diagonal(S: Tensor) -> Tensor:
    return torch.arange(len(S), device=S.device)


register(
    gradients=[by_scores],
    outputs=("loss",),
    edges={
        "one_pair": Edge(shape={"N": 1}),
        "equal_rows": Edge.filled("A", 1),
        "nearly_one_hot": Edge(params={"tau": 0.1}, inputs=lambda A: {"A": 10 * A, "B": 10 * A}),
    },
    example=Example(shape={"N": 7, "d": 5}, params={"tau": 1.0}, upstream="ones"),
    latex=r"L = \mathrm{CE}(A B^\top / \tau, I),\quad \nabla_A L = \tfrac{g}{N \tau} (P - I) B",
    source="van den Oord, Li and Vinyals (2018), eq. 4; both directions: Radford et al. (2021), figure 3",
)
