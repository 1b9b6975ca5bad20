r"""Mean squared error: L = 1/n sum_i (y_i - pred_i)^2.

    pred: (n, 1)   y: (n, 1)   L: ()   g = upstream of L: ()

Each term depends on one prediction, so the Jacobian is a row of n numbers (numerator layout), and the
gradient is its transpose, a column:

    dL/dpred = -2/n (y - pred) g     (n, 1)
    dL/dy    =  2/n (y - pred) g     (n, 1)

n counts all elements, not the rows of a batch.
"""

import torch
from torch import Tensor

from runner.formula import Example, Gradients, Sizes, register


def shapes(n: int) -> Sizes:
    return {"pred": (n, 1), "y": (n, 1)}


def forward(pred: Tensor, y: Tensor) -> Tensor:
    return torch.mean((y - pred) ** 2)


def library(pred: Tensor, y: Tensor) -> Tensor:
    return torch.nn.functional.mse_loss(pred, y)


def residual(grad_loss: Tensor, pred: Tensor, y: Tensor) -> Gradients:
    grad_y = 2 / y.numel() * (y - pred) * grad_loss
    return {"pred": -grad_y, "y": grad_y}


register(
    gradients=[residual],
    outputs=("loss",),
    example=Example(shape={"n": 5}, upstream="ones"),
    latex=r"L = \tfrac1n \lVert y - p \rVert^2,\quad \nabla_p L = -\tfrac2n (y - p)\,g",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), section 2.4",
)
