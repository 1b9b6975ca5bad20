r"""Binary cross entropy of targets under the sigmoid of logits.

    z, t: (...)   L: (), or (...) for reduction none   g = upstream of L   a = pos_weight
    p = s(z) = 1 / (1 + exp(-z))

    L_i = -(a t_i log p_i + (1 - t_i) log(1 - p_i))

log p = -softplus(-z) and log(1 - p) = -softplus(z), whose slopes are 1 - p and -p. A target may be any
number from 0 to 1, and has a gradient of its own:

    dL_i/dz_i = (1 - t_i) p_i - a t_i (1 - p_i)                  which is p - t for a = 1
    dL_i/dt_i = log(1 - p_i) - a log p_i                         which is -z for a = 1

The reduction gives each element its upstream gradient: g_i for none, g for sum, g / n for mean, of all n
elements.

Delicate: log of a sigmoid that has rounded to 0 is -inf; softplus has no such place. p - t cancels where
the target is met; with 1 - p = s(-z), (1 - t) s(z) - a t s(-z) does not for targets 0 and 1. And the two
logarithms of dL/dt cancel where z is small, unless -z is written for them.

Edges: no elements, whose mean is NaN and sends nothing back; logits far out.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, above, in_float32, register

Reduction = Literal["mean", "sum", "none"]


def shapes(size: list[int]) -> Sizes:
    return {"z": tuple(size), "t": tuple(size)}


def sample(rng: Draw, size: list[int]) -> dict[str, Tensor]:
    return {"t": rng.uniform(size)}


@in_float32
def forward(
    z: Tensor, t: Tensor, *,
    pos_weight: Annotated[float, above(0, 1, 3)] = 1.0, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    return reduced(pos_weight * t * softplus(-z) + (1 - t) * softplus(z), reduction)


def library(z: Tensor, t: Tensor, *, pos_weight: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    return torch.nn.functional.binary_cross_entropy_with_logits(
        z, t, pos_weight=z.new_tensor(pos_weight), reduction=reduction
    )


@in_float32
def two_sided(
    grad_loss: Tensor, z: Tensor, t: Tensor, *, pos_weight: float = 1.0, reduction: Reduction = "mean"
) -> Gradients:
    g = by_element(grad_loss, z, reduction)
    by_logit = (1 - t) * torch.sigmoid(z) - pos_weight * t * torch.sigmoid(-z)
    by_target = -z if pos_weight == 1 else pos_weight * softplus(-z) - softplus(z)
    return {"z": g * by_logit, "t": g * by_target}


def softplus(x: Tensor) -> Tensor:
    return torch.logaddexp(x, torch.zeros_like(x))


def reduced(losses: Tensor, reduction: Reduction) -> Tensor:
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def by_element(grad_loss: Tensor, like: Tensor, reduction: Reduction) -> Tensor:
    """Return the upstream gradient of each element's loss."""
    g = grad_loss / like.numel() if reduction == "mean" and like.numel() else grad_loss
    return g.expand(like.shape)


register(
    gradients=[two_sided],
    outputs=("loss",),
    edges={
        "empty": Edge.empty("size"),
        "zeros": Edge.zeros("z"),
        "saturated": Edge.scaled("z", 100),
        "all_negative": Edge.zeros("t"),
        "all_positive": Edge.filled("t", 1),
    },
    example=Example(shape={"size": [5, 3]}, upstream="ones"),
    latex=r"L = -\tfrac1n \textstyle\sum a t \log p + (1 - t) \log (1 - p),\quad "
    r"\nabla_z L = \tfrac{g}{n} ((1 - t)\, p - a\, t\, (1 - p))",
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.90 and 4.91",
)
