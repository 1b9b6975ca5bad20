r"""Dropout: zero each number with probability p, and scale those that are kept so that the mean stays.

    x: (...)   keep: (...), drawn before and held fixed   y: (...)   g = dL/dy: (...)

Given the mask, y is linear in x with a diagonal Jacobian, dy_i/dx_j = [i = j] keep_i / (1 - p):

    y     = x keep / (1 - p)
    dL/dx = g keep / (1 - p)

The backward is the forward, applied to g under the same mask. A mask drawn anew would give the gradient of
another network.

Delicate: at p = 1 nothing is kept and 1 / (1 - p) is infinite. 0 times infinity is NaN, so the scale is 0
there.

Edges: p = 0, the identity; p = 1, zeros even under a mask that keeps something; a mask that happens to drop
everything; no numbers at all.
"""

from typing import Annotated

from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, between, register


def shapes(size: list[int]) -> Sizes:
    return {"x": (*size,), "keep": (*size,)}


def sample(rng: Draw, size: list[int], *, p: float) -> dict[str, Tensor]:
    return {"keep": rng.boolean(size, 1 - p)}


def forward(x: Tensor, keep: Tensor, *, p: Annotated[float, between(0, 1, 0, 0.3, 0.5, 1)] = 0.5) -> Tensor:
    return x * keep * scale(p)


def product(grad_y: Tensor, keep: Tensor, *, p: float = 0.5) -> Gradients:
    return {"x": grad_y * keep * scale(p)}


def scale(p: float) -> float:
    return 1 / (1 - p) if p < 1 else 0.0


register(
    gradients=[product],
    edges={
        "empty": Edge.empty("size"),
        "identity": Edge(params={"p": 0.0}),
        "p_is_one": Edge.filled("keep", True, params={"p": 1.0}),
        "all_dropped": Edge.zeros("keep"),
    },
    example=Example(shape={"size": [5, 7]}, params={"p": 0.3}),
    latex=r"y = \frac{m \odot x}{1 - p},\quad \nabla_x L = \frac{m \odot g}{1 - p}",
    source="Srivastava et al., Dropout (2014), section 10 for the scale",
)
