r"""Gaussian error linear unit, elementwise: y = x Phi(x), with Phi the normal distribution function.

    x: (...)   y: (...)   g = dL/dy: (...)

Phi' = phi, the normal density. With k = sqrt(2/pi) and u = k (x + 0.044715 x^3), `tanh` approximates Phi(x)
by (1 + t) / 2, t = tanh(u):

    none: dL/dx = g (Phi(x) + x phi(x))                          phi(x) = exp(-x^2/2) / sqrt(2 pi)
    tanh: dL/dx = g ((1 + t) / 2 + x (1 - t^2) u' / 2)           u' = k (1 + 3 0.044715 x^2)

Delicate: the two differ by less than 0.001, so that the gradient of one passes for that of the other in
half precision and under loose tolerances. Phi is erfc(-x / sqrt 2) / 2, not (1 + erf) / 2: at x = -6 the
latter has lost half of its digits. Likewise 1 + t is 2 s(2u), and 1 - t^2 is 4 s(2u) s(-2u), with the
logistic sigmoid s. `from_centre` adds to the 1/2 at x = 0 all the same, as PyTorch's kernels do: its error is
an ulp of the largest slope, and erf has vector code where erfc has none.

Edges: at -inf y is -inf 0, NaN, as in PyTorch; at +inf the slope is inf 0.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from runner.formula import Edge, Example, in_float32, register_elementwise

Approximation = Literal["none", "tanh"]

CUBIC = 0.044715


@in_float32
def forward(x: Tensor, *, approximate: Approximation = "none") -> Tensor:
    return x * (torch.sigmoid(2 * bent(x)) if approximate == "tanh" else normal_below(x))


def library(x: Tensor, *, approximate: str = "none") -> Tensor:
    return torch.nn.functional.gelu(x, approximate=approximate)


def product_rule(x: Tensor, *, approximate: str = "none") -> Tensor:
    if approximate == "tanh":
        s, other = torch.sigmoid(2 * bent(x)), torch.sigmoid(-2 * bent(x))
        return s + x * s * other * 2 * math.sqrt(2 / math.pi) * (1 + 3 * CUBIC * x * x)
    return normal_below(x) + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def from_centre(x: Tensor, *, approximate: str = "none") -> Tensor:
    if approximate == "tanh":
        t = torch.tanh(bent(x))
        return (1 + t) * 0.5 + x * (1 - t * t) * (1 + 3 * CUBIC * x * x) * (0.5 * math.sqrt(2 / math.pi))
    return (1 + torch.erf(x * math.sqrt(0.5))) * 0.5 + x * torch.exp(x * x * -0.5) / math.sqrt(2 * math.pi)


def normal_below(x: Tensor) -> Tensor:
    """Return Phi(x)."""
    return torch.erfc(-x / math.sqrt(2)) / 2


def bent(x: Tensor) -> Tensor:
    return math.sqrt(2 / math.pi) * (x + CUBIC * x**3)


register_elementwise(
    slopes=[product_rule, from_centre],
    edges={"saturated": Edge.scaled("x", 10)},
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = x\, \Phi(x),\quad \nabla_x L = g\, (\Phi(x) + x\, \varphi(x))",
    source="Hendrycks and Gimpel, Gaussian Error Linear Units (2016)",
)
