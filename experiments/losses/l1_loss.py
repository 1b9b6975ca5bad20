r"""Mean absolute error: L = 1/n sum_i |pred_i - y_i|.

    pred, y: (...)   L: (), or (...) for reduction none   g = upstream of L   n elements in all

    dL/dpred = g / n sign(pred - y)     (...)
    dL/dy    = -dL/dpred                (...)

For the reduction sum there is no 1/n, and for none every element has its own g.

At a tie, pred = y, every slope from -1 to 1 is a subgradient; the convention is 0.

Delicate: sign(x) is x / |x| but for x = 0, where that is NaN. The sign of a NaN is none: PyTorch has 0
there, and so has this page.
"""

from typing import Literal

import torch
from torch import Tensor

from experiments.losses.bce_with_logits import by_element, reduced
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register

Reduction = Literal["mean", "sum", "none"]


def shapes(size: list[int]) -> Sizes:
    return {"pred": tuple(size), "y": tuple(size)}


@in_float32
def forward(pred: Tensor, y: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    return reduced(torch.abs(pred - y), reduction)


def library(pred: Tensor, y: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    return torch.nn.functional.l1_loss(pred, y, reduction=reduction)


@in_float32
def signs(grad_loss: Tensor, pred: Tensor, y: Tensor, *, reduction: Reduction = "mean") -> Gradients:
    grad_pred = by_element(grad_loss, pred, reduction) * torch.sign(pred - y)
    return {"pred": grad_pred, "y": -grad_pred}


register(
    gradients=[signs],
    outputs=("loss",),
    edges={
        "empty": Edge.empty("size"),
        "ties": Edge(inputs=lambda pred: {"y": pred}, kink=True),
    },
    example=Example(shape={"size": [5, 3]}, upstream="ones"),
    latex=r"L = \tfrac1n \lVert p - y \rVert_1,\quad \nabla_p L = \tfrac{g}{n}\, \mathrm{sign}(p - y)",
    source="Boyd and Vandenberghe, Convex Optimization (2004), section 6.1.2",
)
