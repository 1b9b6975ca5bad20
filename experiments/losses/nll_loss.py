r"""Negative log-likelihood of class labels, given the logarithms of probabilities.

    logp: (N, C)   labels: (N)   weight of the classes: (C), optional   L: (), or (N) for reduction none

    L_i = -w_t logp_it, where t is the label of row i

Each row reads one number, so its gradient is one number in a row of zeros:

    dL/dlogp_ic = -G_i w_t [c = t_i]     (N, C)

The reduction gives each row its upstream gradient G_i, as in `cross_entropy`: g_i for none, g for sum, and
for mean g over the sum of the weights of the labels that count; 0 where the label is ignore_index.

Delicate: the mean's divisor is a sum of weights, not N. Nothing here knows that exp(logp) should sum to 1;
that is `log_softmax`, and both together are `cross_entropy`. Multiplied by a mask, a logp of -inf would be
NaN: numbers are picked.

Edges: no rows, or no label that counts: the mean is NaN, its gradient 0. A label that is neither a class
nor ignore_index raises IndexError.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from experiments.losses import cross_entropy
from experiments.losses.cross_entropy import divisor, refuse_unknown, upstream_by_row
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, integer, register

Reduction = Literal["mean", "sum", "none"]


def shapes(N: int, C: int, *, weighted: bool = False) -> Sizes:
    sizes = cross_entropy.shapes(N, C, weighted=weighted)
    return {"logp": sizes.pop("z"), **sizes}


def sample(rng: Draw, N: int, C: int, *, weighted: bool, ignore_index: int) -> dict[str, Tensor]:
    drawn = cross_entropy.sample(rng, N, C, weighted=weighted, ignore_index=ignore_index)
    return {"logp": rng.default((N, C)).log_softmax(dim=1), **drawn}


@in_float32
def forward(
    logp: Tensor, labels: Tensor, weight: Tensor | None = None,
    *, ignore_index: Annotated[int, integer(None, -100, 0)] = -100, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    refuse_unknown(labels, logp.shape[1], ignore_index)
    counts = labels != ignore_index
    chosen = torch.where(counts, labels, 0)
    picked = logp.gather(1, chosen[:, None])[:, 0] if len(logp) else logp[:, 0]
    losses = torch.where(counts, -picked if weight is None else -weight[chosen] * picked, 0)
    loss = losses if reduction == "none" else torch.sum(losses)
    return loss / divisor(labels, weight, ignore_index, reduction)


def library(
    logp: Tensor, labels: Tensor, weight: Tensor | None = None,
    *, ignore_index: int = -100, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    return torch.nn.functional.nll_loss(logp, labels, weight, ignore_index=ignore_index, reduction=reduction)


@in_float32
def picked_class(
    grad_loss: Tensor, logp: Tensor, labels: Tensor, weight: Tensor | None = None,
    *, ignore_index: int = -100, reduction: Reduction = "mean",
) -> Gradients:  # fmt: skip
    G = upstream_by_row(grad_loss, labels, weight, ignore_index, reduction)
    chosen = torch.where(labels == ignore_index, 0, labels)[:, None]
    slopes = -G if weight is None else -G * weight[chosen]
    return {"logp": torch.zeros_like(logp).scatter_(1, chosen, slopes)}


register(
    gradients=[picked_class],
    outputs=("loss",),
    constants=("weight",),
    edges={
        "empty_batch": Edge.empty("N"),
        "one_class": Edge(shape={"C": 1}),
        "all_ignored": Edge.filled("labels", -100, params={"ignore_index": -100}),
        "no_such_class": Edge.filled("labels", 1_000_000, params={"ignore_index": -100}, raises=IndexError),
        "negative_label": Edge.filled("labels", -1, params={"ignore_index": -100}, raises=IndexError),
    },
    example=Example(shape={"N": 11, "C": 7}, upstream="ones"),
    latex=r"L_i = -w_{t_i} \log p_{i t_i},\quad \nabla_{\log p_{ic}} L = -G_i\, w_c\, [c = t_i]",
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.108",
)
