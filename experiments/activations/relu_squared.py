r"""Squared rectified linear unit, elementwise: y = max(x, 0)^2.

    x: (...)   y: (...)   g = dL/dy: (...)

    dL/dx = 2 g max(x, 0)

Unlike that of relu the slope has no jump: at 0 it is 0 from both sides.

Delicate: the output tells the slope too, 2 sqrt(y), but not in half precision: the square of x = 0.0002 is
below all numbers of float16, and its slope is not. A backward should keep x, or relu(x).
"""

import torch
from torch import Tensor

from runner.formula import Example, register_elementwise


def forward(x: Tensor) -> Tensor:
    return torch.where(x <= 0, 0, x) ** 2


def library(x: Tensor) -> Tensor:
    return torch.nn.functional.relu(x).square()


def twice(x: Tensor) -> Tensor:
    return 2 * torch.where(x <= 0, 0, x)


register_elementwise(
    slopes=[twice],
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = \max(x, 0)^2,\quad \nabla_x L = 2 g \max(x, 0)",
    source="So et al., Primer: Searching for efficient transformers for language modeling (2021)",
)
