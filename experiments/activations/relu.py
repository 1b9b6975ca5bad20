r"""Rectified linear unit: y = max(x, 0), element by element.

    x: (...)   y: (...)   G = dL/dy: (...)

The slope is 1 where x > 0 and 0 where x < 0, so the backward lets G through or stops it:

    dL/dx = G [x > 0]     (...)

`input_mask` reads that off x. Since y > 0 exactly where x > 0, the output tells as much: `output_mask`
needs no x, which is why a relu may overwrite its input.

At the kink, x = 0, every slope from 0 to 1 is a subgradient; the convention is 0, for -0 as for +0. The
mask is written not x <= 0, so that a NaN is passed on by y and G passes through it. It chooses between G
and 0 instead of multiplying: an infinite G times 0 would be NaN.
"""

import torch
from torch import Tensor

from runner.formula import Example, register_elementwise


def forward(x: Tensor) -> Tensor:
    return torch.where(x <= 0, 0, x)


def library(x: Tensor) -> Tensor:
    return torch.nn.functional.relu(x)


def input_mask(x: Tensor) -> Tensor:
    return ~(x <= 0)


def output_mask(y: Tensor) -> Tensor:
    return ~(y <= 0)


register_elementwise(
    slopes=[input_mask, output_mask],
    example=Example(shape={"size": [7, 13]}),
    latex=r"y = \max(x, 0),\quad \nabla_x L = G \odot [x > 0]",
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.3.1",
)
