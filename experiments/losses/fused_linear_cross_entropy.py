r"""Cross entropy of a linear layer's logits, without ever holding all of them: the loss of a language model.

    X: (N, d)   W: (V, d)   labels: (N)   z = X W': (N, V)   L = cross_entropy(z, labels)

With dz = dL/dz from `cross_entropy`, the linear layer adds

    dL/dX = dz W     (N, d)
    dL/dW = dz' X    (V, d)

`dense` is just that. Where the vocabulary V is large, z and dz outweigh everything else. But each row of dz
depends on the same row of z alone. So `chunked` makes a few rows of z again, turns them into dz, uses that
twice and drops it:

    dL/dX_rows = dz_rows W,     dL/dW = sum over chunks of dz_rows' X_rows

Instead of N V numbers it holds chunk V, and it takes nothing from the forward.

Delicate: the mean divides by the labels that count in the whole batch, not in the chunk. So the reduction
is undone before the loop: each row goes in with its own upstream gradient. The log-sum-exp is made again
with its logits, as these round otherwise in a product of another size, and p would not sum to 1. In the
half precisions the logits and the sum over chunks are kept in float32.

Edges, as in `cross_entropy`: no rows, no label that counts, a label outside the vocabulary, huge logits.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from experiments.losses import cross_entropy
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, integer, register


def shapes(N: int, d: int, V: int) -> Sizes:
    return {"X": (N, d), "W": (V, d), "labels": (N,)}


def sample(rng: Draw, N: int, V: int, *, ignore_index: int) -> dict[str, Tensor]:
    return cross_entropy.sample(rng, N, V, weighted=False, ignore_index=ignore_index)


@in_float32
def forward(
    X: Tensor, W: Tensor, labels: Tensor, *,
    ignore_index: Annotated[int, integer(None, -100, 0)] = -100,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Tensor:  # fmt: skip
    z = X @ W.T
    return cross_entropy.forward(z, labels, ignore_index=ignore_index, reduction=reduction)["loss"]


def library(X: Tensor, W: Tensor, labels: Tensor, *, ignore_index: int, reduction: str) -> Tensor:
    z = torch.nn.functional.linear(X, W)
    return torch.nn.functional.cross_entropy(z, labels, ignore_index=ignore_index, reduction=reduction)


@in_float32
def chunked(
    grad_loss: Tensor, X: Tensor, W: Tensor, labels: Tensor, *,
    ignore_index: int = -100, reduction: str = "mean", chunk: Annotated[int, integer(1, 1, 3, 256)] = 256,
) -> Gradients:  # fmt: skip
    G = cross_entropy.upstream_by_row(grad_loss, labels, None, ignore_index, reduction)[:, 0]
    dX, dW = torch.zeros_like(X), torch.zeros_like(W)
    for start in range(0, len(X), chunk):
        rows = slice(start, start + chunk)
        z = X[rows] @ W.T  # (chunk, V)
        dz = by_logits(G[rows], z, labels[rows], ignore_index, "none")
        dX[rows] = dz @ W
        dW += dz.T @ X[rows]
    return {"X": dX, "W": dW}


@in_float32
def dense(
    grad_loss: Tensor, X: Tensor, W: Tensor, labels: Tensor,
    *, ignore_index: int = -100, reduction: str = "mean",
) -> Gradients:  # fmt: skip
    dz = by_logits(grad_loss, X @ W.T, labels, ignore_index, reduction)
    return {"X": dz @ W, "W": dz.T @ X}


def by_logits(grad_loss: Tensor, z: Tensor, labels: Tensor, ignore_index: int, reduction: str) -> Tensor:
    """Return dL/dz, of the shape of z."""
    top, total = cross_entropy.shifted_sum_exp(z)
    return cross_entropy.label_subtracted(
        grad_loss, z, labels, top, total, ignore_index=ignore_index, reduction=reduction
    )["z"]


register(
    gradients=[chunked, dense],
    outputs=("loss",),
    edges={
        "empty_batch": Edge.empty("N"),
        "all_ignored": Edge.filled("labels", -100, params={"ignore_index": -100}),
        "no_such_class": Edge.filled("labels", 1_000_000, params={"ignore_index": -100}, raises=IndexError),
        "saturated": Edge.scaled("X", 1e4),
    },
    example=Example(shape={"N": 11, "d": 5, "V": 13}, params={"chunk": 4}, upstream="ones"),
    latex=r"L = \mathrm{CE}(X W^\top, t),\quad \nabla_X L = \Delta W,\quad \nabla_W L = \Delta^\top X",
    source="Hsu et al., Liger Kernel (2024), section 3.2",
)
