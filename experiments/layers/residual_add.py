r"""A residual branch around one layer: y = x + tanh(x W').

    x: (N, n)   W: (n, n)   h = tanh(x W'), y: (N, n)   g = dL/dy: (N, n)

x is used twice, and its gradient is the sum over both uses: g, which comes straight through, and what the
branch sends back:

    da    = g (1 - h^2)         of the branch's argument a = x W'     (N, n)
    dL/dW = da' x               (n, n)
    dL/dx = g + da W            (N, n)

However many layers are stacked, the first term reaches the lowest of them unchanged; that is what the
addition is for.

Delicate: the two terms are added, neither replaces the other. And not in place: g belongs to whoever
computed it, and the branch reads it too.
"""

import torch
from torch import Tensor

from experiments.activations import tanh
from experiments.layers import linear
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register, through


def shapes(N: int, n: int) -> Sizes:
    return {"x": (N, n), "W": (n, n)}


@in_float32(saved=("h",))
def forward(x: Tensor, W: Tensor) -> dict[str, Tensor]:
    h = torch.tanh(linear.forward(x, W))
    return {"y": x + h, "h": h}


def library(x: Tensor, W: Tensor) -> Tensor:
    return x + torch.tanh(torch.nn.functional.linear(x, W))


@in_float32
def both_ways(grad_y: Tensor, h: Tensor, x: Tensor, W: Tensor) -> Gradients:
    of_branch = linear.outer_product(through(grad_y, tanh.output_square(h)), x, W)
    return {"x": grad_y + of_branch["x"], "W": of_branch["W"]}


register(
    gradients=[both_ways],
    edges={
        "empty_batch": Edge.empty("N"),
        "silent_branch": Edge.zeros("W"),
        "saturated_branch": Edge.scaled("W", 100),
    },
    example=Example(shape={"N": 5, "n": 4}),
    latex=r"y = x + f(x),\quad \nabla_x L = g + J_f^\top g",
    source="He et al., Deep Residual Learning (2016); Identity Mappings (2016), eq. 5",
)
