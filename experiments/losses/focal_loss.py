r"""Focal loss of binary targets: a cross entropy that fades where the prediction is right already.

    z: (...)   t: (...), of 0 and 1   L: (), or (...) for reduction none   g = upstream of L
    c = gamma   a = alpha

With x = z for t = 1 and -z for t = 0, p = s(x) is the probability given to the truth, s the logistic
sigmoid; and w = a for t = 1, 1 - a for t = 0:

    L_i = -w (1 - p)^c log p

1 - p = s(-x) has the slope -p (1 - p) by x, and log p the slope 1 - p. So

    dL_i/dx = w (1 - p)^c (c p log p - (1 - p))     and dL_i/dz is that, with its sign changed for t = 0

The reduction gives every element its upstream gradient: g_i for none, g for sum, g / n for mean.

Delicate: log p is -softplus(-x), finite for every x, and 1 - p is s(-x): both keep their digits where p is
near 0 or 1. For c = 0 this is `bce_with_logits`, and (1 - p)^c has no derivative at p = 1 for c < 1: it is
never asked for.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from experiments.losses.bce_with_logits import by_element, reduced, softplus
from runner.formula import Draw, Edge, Example, Gradients, Sizes, at_least, between, in_float32, register

Reduction = Literal["mean", "sum", "none"]


def shapes(size: list[int]) -> Sizes:
    return {"z": tuple(size), "t": tuple(size)}


def sample(rng: Draw, size: list[int]) -> dict[str, Tensor]:
    return {"t": rng.boolean(size)}


@in_float32
def forward(
    z: Tensor, t: Tensor, *,
    gamma: Annotated[float, at_least(0, 2, 0, 0.5)] = 2.0,
    alpha: Annotated[float, between(0, 1, 0.25, 1)] = 0.25,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    x = torch.where(t, z, -z)
    faded = torch.exp(-gamma * softplus(x))  # (1 - p)^gamma
    return reduced(weights(t, z, alpha) * faded * softplus(-x), reduction)


@in_float32
def product_rule(
    grad_loss: Tensor, z: Tensor, t: Tensor,
    *, gamma: float = 2.0, alpha: float = 0.25, reduction: Reduction = "mean",
) -> Gradients:  # fmt: skip
    x = torch.where(t, z, -z)
    faded = weights(t, z, alpha) * torch.exp(-gamma * softplus(x))
    by_x = faded * (-gamma * torch.sigmoid(x) * softplus(-x) - torch.sigmoid(-x))
    return {"z": by_element(grad_loss, z, reduction) * torch.where(t, by_x, -by_x)}


def weights(t: Tensor, z: Tensor, alpha: float) -> Tensor:
    return torch.where(t, torch.full_like(z, alpha), 1 - alpha)


register(
    gradients=[product_rule],
    outputs=("loss",),
    edges={
        "empty": Edge.empty("size"),
        "zeros": Edge.zeros("z"),
        "saturated": Edge.scaled("z", 30),
        "all_negative": Edge.zeros("t"),
    },
    example=Example(shape={"size": [5, 3]}, upstream="ones"),
    latex=r"L = -w (1 - p)^\gamma \log p,\quad "
    r"\nabla_x L = g\, w (1 - p)^\gamma (\gamma\, p \log p - (1 - p))",
    source="Lin et al., Focal Loss for Dense Object Detection (2017), appendix B",
)
