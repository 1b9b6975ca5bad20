r"""Kullback-Leibler divergence of a target p from log-probabilities: L = sum p (log p - logq).

    logq, target: (N, C)   L: (), or (N, C) for reduction none   g = upstream of L   p: (N, C)

`target` is p, or its logarithm where log_target says so. Element by element l = p (log p - logq), with 0
log 0 = 0, and

    dl/dlogq  = -p
    dl/dp     = log p + 1 - logq                   for a target p
    dl/dlog p = p (log p + 1 - logq)               for a target log p

The reduction gives every element its upstream gradient: g for sum, g / N for batchmean, g / (N C) for mean.
Only batchmean is the divergence of a row, averaged over rows.

Delicate: the arguments' order: logq is the first and a logarithm, the target the second, and it is target
log target that counts. At p = 0 the divergence is finite and its derivative by p is -inf; PyTorch's is NaN.
Either is the truth about a function that has no derivative there; logq gets its 0.

Edges: no rows; q = p, where L is 0 and dL/dp is not.
"""

from typing import Literal

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register

Reduction = Literal["batchmean", "mean", "sum", "none"]


def shapes(N: int, C: int) -> Sizes:
    return {"logq": (N, C), "target": (N, C)}


def sample(rng: Draw, N: int, C: int, *, log_target: bool) -> dict[str, Tensor]:
    target = rng.normal((N, C)).log_softmax(dim=1)
    return {"logq": rng.normal((N, C)).log_softmax(dim=1), "target": target if log_target else target.exp()}


@in_float32
def forward(
    logq: Tensor, target: Tensor, *, log_target: bool = False, reduction: Reduction = "batchmean"
) -> Tensor:
    p = torch.exp(target) if log_target else target
    plogp = p * target if log_target else torch.xlogy(p, p)
    losses = plogp - p * logq
    return losses if reduction == "none" else losses.sum() / divisor(logq, reduction)


def library(
    logq: Tensor, target: Tensor, *, log_target: bool = False, reduction: Reduction = "batchmean"
) -> Tensor:
    if reduction == "mean":  # which PyTorch warns of
        return torch.nn.functional.kl_div(logq, target, reduction="none", log_target=log_target).mean()
    return torch.nn.functional.kl_div(logq, target, reduction=reduction, log_target=log_target)


@in_float32
def elementwise(
    grad_loss: Tensor, logq: Tensor, target: Tensor,
    *, log_target: bool = False, reduction: Reduction = "batchmean",
) -> Gradients:  # fmt: skip
    g = (grad_loss / (divisor(logq, reduction) or 1)).expand(logq.shape)
    p = torch.exp(target) if log_target else target
    logp = target if log_target else torch.log(target)
    by_probability = g * (logp + 1 - logq)
    return {"logq": -g * p, "target": by_probability * p if log_target else by_probability}


def divisor(logq: Tensor, reduction: Reduction) -> int:
    return {"batchmean": len(logq), "mean": logq.numel()}.get(reduction, 1)


register(
    gradients=[elementwise],
    outputs=("loss",),
    edges={
        "empty_batch": Edge.empty("N"),
        "one_class": Edge(shape={"C": 1}),
        "equal": Edge(params={"log_target": True}, inputs=lambda target: {"logq": target}),
    },
    example=Example(shape={"N": 5, "C": 7}, upstream="ones"),
    latex=r"L = \tfrac1N \textstyle\sum p\,(\log p - \log q),\quad "
    r"\nabla_{\log q} L = -\tfrac{g}{N}\, p,\quad "
    r"\nabla_p L = \tfrac{g}{N} (\log p + 1 - \log q)",
    source="Kullback and Leibler, On information and sufficiency (1951)",
)
