r"""Linear layer with a low-rank update: y = x (W + c B A)', with W held fixed.

    x: (..., n)   W: (m, n), fixed   A: (r, n)   B: (m, r)   y: (..., m)   g = dL/dy: (..., m)   c = alpha / r

Neither B A nor its gradient is ever made, both of the size of W; with h = x A', r numbers a row,

    y = x W' + c h B'

As two linear layers one after the other, with rows stacked and dh = c g B: (..., r),

    dL/dB = c g' h              (m, r)
    dL/dA = dh' x               (r, n)
    dL/dx = g W + dh A          (..., n)

Delicate: B starts at zero, so dL/dA is zero in the first step and dL/dB is not; were A zero too, nothing
would ever learn. c belongs to each of the three gradients. In half precision the terms are added in
float32.
"""

from typing import Annotated

from torch import Tensor

from experiments.layers import linear
from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, register


def shapes(batch: list[int], n: int, m: int, r: int) -> Sizes:
    return {"x": (*batch, n), "W": (m, n), "A": (r, n), "B": (m, r)}


@in_float32
def forward(
    x: Tensor, W: Tensor, A: Tensor, B: Tensor, *, alpha: Annotated[float, above(0, 16, 1)] = 16.0
) -> Tensor:
    h = linear.forward(x, A)
    return linear.forward(x, W) + alpha / len(A) * linear.forward(h, B)


def library(x: Tensor, W: Tensor, A: Tensor, B: Tensor, *, alpha: float = 16.0) -> Tensor:
    return x @ (W + alpha / len(A) * (B @ A)).mT


@in_float32
def low_rank(grad_y: Tensor, x: Tensor, W: Tensor, A: Tensor, B: Tensor, *, alpha: float = 16.0) -> Gradients:
    of_B = linear.outer_product(alpha / len(A) * grad_y, linear.forward(x, A), B)
    of_A = linear.outer_product(of_B["x"], x, A)  # of_B["x"] is dh
    return {"x": grad_y @ W + of_A["x"], "A": of_A["W"], "B": of_B["W"]}


register(
    gradients=[low_rank],
    constants=("W",),
    edges={
        "no_rows": Edge.empty("batch"),
        "rank_one": Edge(shape={"r": 1}),
        "first_step": Edge.zeros("B"),
    },
    example=Example(shape={"batch": [2, 3], "n": 7, "m": 5, "r": 2}, params={"alpha": 4.0}),
    latex=r"y = x (W + c B A)^\top,\quad \nabla_A L = c\, B^\top G^\top X,\quad "
    r"\nabla_B L = c\, G^\top X A^\top",
    source="Hu et al., LoRA (2021), section 4.1",
)
