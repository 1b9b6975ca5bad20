r"""Linear layers of any depth under a mean squared error: L = MSE(W_k ... W_2 W_1 x, y).

    x: (n_0, b)   W_i: (n_i, n_i-1)   y: (n_k, b)   L: ()   g = upstream of L: ()

A batch is b columns. With x_0 = x, x_i = W_i x_i-1 and p = x_k, the backward starts from

    d_k = dL/dp = -2/(n_k b) (y - p) g     (n_k, b)

and goes through the layers from last to first. In denominator layout (`columns`) a gradient has the shape
of what it differentiates by, and each step multiplies from the left:

    dL/dW_i = d_i x_i-1'     (n_i, n_i-1)
    d_i-1   = W_i' d_i       (n_i-1, b)

In numerator layout (`rows`) a derivative has the transposed shape, r_i = d_i', and the chain rule
reads from left to right as it is written, dL/dx_i-1 = dL/dx_i dx_i/dx_i-1:

    r_i-1          = r_i W_i        (b, n_i-1)
    (dL/dW_i)'     = x_i-1 r_i      (n_i-1, n_i)

No transpose occurs on the way; one at the end turns each derivative into the gradient.
"""

from itertools import pairwise

from torch import Tensor

from experiments.losses import mse
from runner.formula import Example, Gradients, Sizes, register


def shapes(layers: list[int], batch: int = 1) -> Sizes:
    if len(layers) < 2:
        raise ValueError(
            f"shape.layers={layers}: needs two sizes or more, that of the input first, as in [5,9,7]"
        )
    weights = {f"W{i}": (rows, columns) for i, (columns, rows) in enumerate(pairwise(layers), 1)}
    return {"x": (layers[0], batch), **weights, "y": (layers[-1], batch)}


def forward(x: Tensor, y: Tensor, **weights: Tensor) -> dict[str, Tensor]:
    pred = activations(x, weights)[-1]
    return {"loss": mse.forward(pred, y), "pred": pred}


def columns(grad_loss: Tensor, pred: Tensor, x: Tensor, y: Tensor, **weights: Tensor) -> Gradients:
    gradients = mse.residual(grad_loss, pred, y)
    delta = gradients.pop("pred")
    layers = zip(weights.items(), activations(x, weights)[:-1], strict=True)
    for (name, weight), incoming in reversed(list(layers)):
        gradients[name] = delta @ incoming.T  # dL/dW_i
        delta = weight.T @ delta  # d_i-1
    return {**gradients, "x": delta}


def rows(grad_loss: Tensor, pred: Tensor, x: Tensor, y: Tensor, **weights: Tensor) -> Gradients:
    derivatives = {name: grad.T for name, grad in mse.residual(grad_loss, pred, y).items()}
    row = derivatives.pop("pred")
    layers = zip(weights.items(), activations(x, weights)[:-1], strict=True)
    for (name, weight), incoming in reversed(list(layers)):
        derivatives[name] = incoming @ row  # (dL/dW_i)'
        row = row @ weight  # r_i-1
    return {name: derivative.T for name, derivative in {**derivatives, "x": row}.items()}


def activations(x: Tensor, weights: dict[str, Tensor]) -> list[Tensor]:
    """Return x_0 = x, x_1, ..., x_k."""
    values = [x]
    for weight in weights.values():
        values.append(weight @ values[-1])
    return values


register(
    gradients=[columns, rows],
    outputs=("loss",),
    saved=("pred",),
    example=Example(shape={"layers": [4, 8, 8, 3], "batch": 6}, upstream="ones"),
    latex=r"L = \mathrm{MSE}(W_k \cdots W_1 x, y),\quad \nabla_{W_i} L = \delta_i x_{i-1}^\top",
    source="Rumelhart, Hinton and Williams (1986); layouts as in The Matrix Cookbook, chapter 2",
)
