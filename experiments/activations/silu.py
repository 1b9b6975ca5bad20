r"""Sigmoid linear unit, or swish, elementwise: y = x s(x), where s(x) = 1 / (1 + exp(-x)).

    x: (...)   y: (...)   g = dL/dy: (...)

By the product rule, with s' = s(x) s(-x),

    dL/dx = g s(x) (1 + x s(-x))

Delicate: s(-x) rather than 1 - s(x), which cancels where x is large; x then multiplies what is left. The
slope is negative below x = -1.28 and zero there: y alone does not tell x, so a backward must keep x.

Edges: at -inf both y and the slope are inf 0, NaN, as in PyTorch.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Slope, in_float32, register_elementwise


@in_float32
def forward(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def library(x: Tensor) -> Tensor:
    return torch.nn.functional.silu(x)


def product_rule(x: Tensor) -> Slope:
    return torch.sigmoid(x), 1 + x * torch.sigmoid(-x)


register_elementwise(
    slopes=[product_rule],
    edges={"saturated": Edge.scaled("x", 100)},
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = x\, \sigma(x),\quad \nabla_x L = g\, \sigma(x)\, (1 + x\, \sigma(-x))",
    source="Elfwing, Uchibe and Doya (2017); Ramachandran, Zoph and Le (2017)",
)
