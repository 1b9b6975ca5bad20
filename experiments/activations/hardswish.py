r"""Hard swish, elementwise: y = x h(x), with h(x) = min(max(x + 3, 0), 6) / 6, a sigmoid of straight lines.

    x: (...)   y: (...)   g = dL/dy: (...)

    x <= -3: y = 0                  dL/dx = 0
    between: y = x (x + 3) / 6      dL/dx = g (2 x + 3) / 6
    x >= 3:  y = x                  dL/dx = g

At both kinks the slope jumps, by 1/2: at -3 from 0 to -1/2, at 3 from 3/2 to 1. The convention is that of
the outer pieces, 0 at -3 and 1 at 3.

Delicate: x clamp(x + 3, 0, 6) / 6 is the same function with another convention: autograd gives it 3/2 at 3.
"""

import torch
from torch import Tensor

from runner.formula import Example, in_float32, register_elementwise


@in_float32
def forward(x: Tensor) -> Tensor:
    inner = x.clamp(-3, 3)  # what is not chosen must stay finite: autograd multiplies it by 0
    return torch.where(x <= -3, 0, torch.where(inner < 3, inner * (inner + 3) / 6, x))


def library(x: Tensor) -> Tensor:
    return torch.nn.functional.hardswish(x)


def pieces(x: Tensor) -> Tensor:
    return torch.where(x <= -3, 0, torch.where(x < 3, (2 * x + 3) / 6, 1))


register_elementwise(
    slopes=[pieces],
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = x \min(\max(x + 3, 0), 6) / 6,\quad \nabla_x L = g\, (2x + 3) / 6 \text{ for } |x| < 3",
    source="Howard et al., Searching for MobileNetV3 (2019), section 5.2",
)
