r"""Running sum along the last dimension: y_k = x_1 + ... + x_k.

    x: (..., n)   y, g = dL/dy: (..., n)

x_j is in y_j and in all that follow. The Jacobian is a triangle of ones, dy_k/dx_j = [j <= k], and

    dL/dx_j = g_j + ... + g_n     (..., n), a running sum from the end

`from_the_end` sums g reversed, in n steps; `triangle` multiplies with the transposed Jacobian, in n n.

Delicate: sum(g) - cumsum(g) + g is the same number with one reversal less, and at the far end a difference of
two large sums, which cancels. Half precision is summed in float32.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n)}


@in_float32
def forward(x: Tensor) -> Tensor:
    return x.cumsum(dim=-1)


@in_float32
def from_the_end(grad_y: Tensor) -> Gradients:
    return {"x": grad_y.flip(-1).cumsum(dim=-1).flip(-1)}


@in_float32
def triangle(grad_y: Tensor) -> Gradients:
    n = grad_y.shape[-1]
    ones = torch.ones(n, n, dtype=grad_y.dtype, device=grad_y.device)
    return {"x": grad_y @ ones.tril()}


register(
    gradients=[from_the_end, triangle],
    edges={
        "empty_batch": Edge.empty("batch"),
        "no_numbers": Edge.empty("n"),
        "one_number": Edge(shape={"n": 1}),
    },
    example=Example(shape={"batch": [3, 2], "n": 7}),
    latex=r"y_k = \textstyle\sum_{j \le k} x_j,\quad \nabla_{x_j} L = \textstyle\sum_{k \ge j} g_k",
    source="Blelloch, Prefix sums and their applications (1990)",
)
