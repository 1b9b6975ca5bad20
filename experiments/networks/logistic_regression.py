r"""Logistic regression: a linear score under a binary cross entropy.

    X: (N, d)   w: (d)   b: ()   t: (N), targets from 0 to 1   L: ()   g = upstream of L

    z = X w + b     L = bce_with_logits(z, t), the mean over N

The loss has dz = g/N (s(z) - t), with the logistic sigmoid s, for which see `bce_with_logits`. A score is
linear in the rest:

    dL/dw = X' dz     (d)     dL/db = sum of dz     ()     dL/dX = dz w'     (N, d)

Delicate: on data that a plane separates the loss falls forever and w grows; the gradient of a met target is
then s(z) - t, a difference of almost equal numbers, unless it is made as there. b has no row of its own to
be summed over: its gradient is a number without dimensions.
"""

from torch import Tensor
from torch.nn import functional

from experiments.losses import bce_with_logits
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register


def shapes(N: int, d: int) -> Sizes:
    return {"X": (N, d), "w": (d,), "b": (), "t": (N,)}


def sample(rng: Draw, N: int, d: int) -> dict[str, Tensor]:
    return {"t": rng.boolean((N,)).double()}


@in_float32(saved=("z",))
def forward(X: Tensor, w: Tensor, b: Tensor, t: Tensor) -> dict[str, Tensor]:
    z = X @ w + b
    return {"loss": bce_with_logits.forward(z, t), "z": z}


def library(X: Tensor, w: Tensor, b: Tensor, t: Tensor) -> Tensor:
    z = functional.linear(X, w[None], b[None])[:, 0]
    return functional.binary_cross_entropy_with_logits(z, t)


@in_float32
def by_score(grad_loss: Tensor, z: Tensor, X: Tensor, w: Tensor, b: Tensor, t: Tensor) -> Gradients:
    of_loss = bce_with_logits.two_sided(grad_loss, z, t)
    dz = of_loss["z"]
    return {"X": dz[:, None] * w, "w": X.mT @ dz, "b": dz.sum(), "t": of_loss["t"]}


register(
    gradients=[by_score],
    outputs=("loss",),
    edges={
        "first_step": Edge(inputs=lambda w, b: {"w": 0 * w, "b": 0 * b}),
        "saturated": Edge.scaled("w", 100),
        "one_feature": Edge(shape={"d": 1}),
    },
    example=Example(shape={"N": 11, "d": 5}, upstream="ones"),
    latex=r"L = \mathrm{BCE}(X w + b, t),\quad \nabla_w L = \tfrac{g}{N} X^\top (\sigma(z) - t)",
    source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.91",
)
