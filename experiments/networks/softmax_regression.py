r"""Softmax regression: linear scores of C classes under a cross entropy.

    X: (N, d)   W: (C, d)   b: (C)   labels: (N)   z: (N, C)   L: ()   g = upstream of L

    z = X W' + b     L = cross_entropy(z, labels), the mean over N

`cross_entropy` has dz = g/N (softmax(z) - one_hot(labels)), and the rest is a `linear` layer:

    dL/dW = dz' X     (C, d)     dL/db = sum over rows of dz     (C)     dL/dX = dz W     (N, d)

Each row of dz sums to zero. So do the columns of dL/dW, and the entries of dL/db: to add one vector to all
rows of W changes nothing, and gradient descent never does so.

Delicate: of equal scores, as in the first step from W = 0, every class has 1/C, and no two rows of W differ
before the labels make them.
"""

import torch
from torch import Tensor

from experiments.layers import linear
from experiments.losses import cross_entropy
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register


def shapes(N: int, d: int, C: int) -> Sizes:
    return {"X": (N, d), "W": (C, d), "b": (C,), "labels": (N,)}


def sample(rng: Draw, N: int, C: int) -> dict[str, Tensor]:
    return {"labels": rng.integers((N,), 0, C)}


@in_float32(saved=("z",))
def forward(X: Tensor, W: Tensor, b: Tensor, labels: Tensor) -> dict[str, Tensor]:
    z = linear.forward(X, W, b)
    return {"loss": cross_entropy.forward(z, labels)["loss"], "z": z}


def library(X: Tensor, W: Tensor, b: Tensor, labels: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(torch.nn.functional.linear(X, W, b), labels)


@in_float32
def by_scores(grad_loss: Tensor, z: Tensor, X: Tensor, W: Tensor, b: Tensor, labels: Tensor) -> Gradients:
    top, total = cross_entropy.shifted_sum_exp(z)
    dz = cross_entropy.zero_row_sum(grad_loss, z, labels, top, total)["z"]
    of_layer = linear.outer_product(dz, X, W, b)
    return {"X": of_layer["x"], "W": of_layer["W"], "b": of_layer["b"]}


register(
    gradients=[by_scores],
    outputs=("loss",),
    edges={
        "first_step": Edge(inputs=lambda W, b: {"W": 0 * W, "b": 0 * b}),
        "saturated": Edge.scaled("W", 100),
        "two_classes": Edge(shape={"C": 2}),
    },
    example=Example(shape={"N": 11, "d": 5, "C": 4}, upstream="ones"),
    latex=r"L = \mathrm{CE}(X W^\top + b, t),\quad \nabla_W L = \tfrac{g}{N} (P - Y)^\top X",
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.109",
)
