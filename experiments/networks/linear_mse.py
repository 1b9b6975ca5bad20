r"""One linear layer under a mean squared error: L = 1/m sum_i (y_i - p_i)^2, p = W x.

    x: (n, 1)   W: (m, n)   y: (m, 1)   p: (m, 1)   L: ()   g = upstream of L: ()

The chain rule sums over the outputs of the layer:

    dL/dW = sum_i dL/dp_i dp_i/dW,     d = dL/dp = -2/m (y - p) g     (m, 1)

`jacobian` carries that sum out. Its factor dp_i/dW is a slice of the Jacobian tensor in numerator
layout, dp_i/dW_jk = delta_ij x_k, of shape (m, m, n). `outer_product` uses the delta first: row j of
the sum has the one term d_j x', so

    dL/dW = d x'     (m, n)
    dL/dx = W' d     (n, 1)
    dL/dy = -d       (m, 1)
"""

import torch
from torch import Tensor

from experiments.losses import mse
from experiments.vector_matrix import matvec
from runner.formula import Example, Gradients, Sizes, register


def shapes(m: int, n: int) -> Sizes:
    return {"x": (n, 1), "W": (m, n), "y": (m, 1)}


def forward(x: Tensor, W: Tensor, y: Tensor) -> dict[str, Tensor]:
    pred = matvec.forward(W, x)
    return {"loss": mse.forward(pred, y), "pred": pred}


def outer_product(grad_loss: Tensor, pred: Tensor, x: Tensor, W: Tensor, y: Tensor) -> Gradients:
    of_loss = mse.residual(grad_loss, pred, y)
    return {**matvec.outer_product(of_loss["pred"], W, x), "y": of_loss["y"]}


def jacobian(grad_loss: Tensor, pred: Tensor, x: Tensor, y: Tensor) -> Gradients:
    grad_pred = mse.residual(grad_loss, pred, y)["pred"]
    slices = matvec.by_weight(len(pred), x)  # (m, m, n)
    return {"W": torch.sum(grad_pred[:, :, None] * slices, dim=0)}


register(
    gradients=[outer_product, jacobian],
    outputs=("loss",),
    saved=("pred",),
    example=Example(shape={"m": 20, "n": 5}, upstream="ones"),
    latex=r"L = \tfrac1m \lVert y - W x \rVert^2,\quad \nabla_W L = -\tfrac2m (y - W x) x^\top g",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 84",
)
