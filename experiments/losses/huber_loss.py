r"""Huber's loss: quadratic near zero, linear beyond delta, L = 1/n sum_i h(pred_i - y_i).

    pred, y: (...)   L: (), or (...) for reduction none   g = upstream of L   n elements in all   d = delta

    h(r) = r^2 / 2 for |r| <= d, and d (|r| - d/2) beyond

The two pieces meet with equal slopes, d, so the gradient is a residual that was cut off:

    dL/dpred = g / n min(max(r, -d), d),   r = pred - y     (...)
    dL/dy    = -dL/dpred                                    (...)

For the reduction sum there is no 1/n, and for none every element has its own g.

Delicate: `smooth_l1_loss` of PyTorch is this divided by d; with d = 1 nobody sees the difference. A NaN
must stay one: it is neither below -d nor above d, and minimum and maximum pass it on.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from experiments.losses.bce_with_logits import by_element, reduced
from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, register

Reduction = Literal["mean", "sum", "none"]


def shapes(size: list[int]) -> Sizes:
    return {"pred": tuple(size), "y": tuple(size)}


@in_float32
def forward(
    pred: Tensor, y: Tensor, *, delta: Annotated[float, above(0, 1, 0.3)] = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    size = torch.abs(pred - y)
    near = size.clamp(max=delta)  # what is not chosen must not overflow
    return reduced(torch.where(size <= delta, near * near / 2, delta * (size - delta / 2)), reduction)


def library(pred: Tensor, y: Tensor, *, delta: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    return torch.nn.functional.huber_loss(pred, y, reduction=reduction, delta=delta)


@in_float32
def cut_off(
    grad_loss: Tensor, pred: Tensor, y: Tensor, *, delta: float = 1.0, reduction: Reduction = "mean"
) -> Gradients:
    grad_pred = by_element(grad_loss, pred, reduction) * torch.clamp(pred - y, -delta, delta)
    return {"pred": grad_pred, "y": -grad_pred}


register(
    gradients=[cut_off],
    outputs=("loss",),
    edges={
        "empty": Edge.empty("size"),
        "ties": Edge(inputs=lambda pred: {"y": pred}),
        "at_delta": Edge(params={"delta": 0.5}, inputs=lambda pred: {"y": 0 * pred, "pred": 0 * pred + 0.5}),
    },
    example=Example(shape={"size": [5, 3]}, params={"delta": 0.5}, upstream="ones"),
    latex=r"L = \tfrac1n \textstyle\sum h_\delta(p - y),\quad "
    r"\nabla_p L = \tfrac{g}{n} \min(\max(p - y, -\delta), \delta)",
    source="Huber, Robust Estimation of a Location Parameter (1964)",
)
