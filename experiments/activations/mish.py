r"""Mish, elementwise: y = x tanh(softplus(x)), with softplus(x) = log(1 + exp(x)).

    x: (...)   y: (...)   g = dL/dy: (...)

The slope of softplus is the logistic sigmoid s, that of tanh is 1 - tanh^2. With t = tanh(softplus(x)),

    dL/dx = g (t + x s(x) (1 - t^2))

Delicate: softplus without overflow, as in `softplus`. 1 - t^2 cancels as x grows, but is then added to t =
1, and its lost digits do not count. Far below 0, t is exp(x), and nothing cancels.

Edges: at -inf y is -inf 0, NaN, as in PyTorch.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, in_float32, register_elementwise


@in_float32
def forward(x: Tensor) -> Tensor:
    return x * torch.tanh(softplus(x))


def library(x: Tensor) -> Tensor:
    return torch.nn.functional.mish(x)


def product_rule(x: Tensor) -> Tensor:
    t = torch.tanh(softplus(x))
    return t + x * torch.sigmoid(x) * (1 - t * t)


def softplus(x: Tensor) -> Tensor:
    return torch.logaddexp(x, torch.zeros_like(x))


register_elementwise(
    slopes=[product_rule],
    edges={"saturated": Edge.scaled("x", 100)},
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = x\, t,\ t = \tanh \log(1 + e^x),\quad \nabla_x L = g\, (t + x\, \sigma(x) (1 - t^2))",
    source="Misra, Mish: A self regularized non-monotonic activation function (2019)",
)
