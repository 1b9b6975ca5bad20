r"""Rectified linear unit: y = max(x, 0), element by element.

    x: (...)   y: (...)   G = dL/dy: (...)

The slope is 1 where x > 0 and 0 where x < 0, so the backward lets G through or stops it:

    dL/dx = G [x > 0]     (...)

`input_mask` reads that off x. Since y > 0 exactly where x > 0, the output tells as much: `output_mask`
needs no x, which is why a relu may overwrite its input.

At the kink, x = 0, every slope from 0 to 1 is a subgradient; the convention is 0, for -0 as for +0. The
comparison is written x <= 0, what to stop, so that a NaN is passed on by y and G passes through it.
The mask chooses between G and 0 instead of multiplying: an infinite G times 0 would be NaN.
"""

import torch
from torch import Tensor

from runner.formula import Edge, register


def shapes(size: list[int]) -> dict[str, tuple[int, ...]]:
    return {"x": tuple(size)}


def forward(x: Tensor) -> Tensor:
    return torch.where(x <= 0, 0, x)


def library(x: Tensor) -> Tensor:
    return torch.nn.functional.relu(x)


def input_mask(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
    return {"x": torch.where(x <= 0, 0, grad_y)}


def output_mask(grad_y: Tensor, y: Tensor) -> dict[str, Tensor]:
    return {"x": torch.where(y <= 0, 0, grad_y)}


def zeros(x: Tensor) -> dict[str, Tensor]:
    return {"x": torch.zeros_like(x)}


def negative_zeros(x: Tensor) -> dict[str, Tensor]:
    return {"x": -torch.zeros_like(x)}


def nan(x: Tensor) -> dict[str, Tensor]:
    return {"x": torch.full_like(x, torch.nan)}


register(
    shapes=shapes,
    forward=forward,
    library=library,
    gradients=[input_mask, output_mask],
    may_be_empty=("size",),
    edges={
        "zeros": Edge(inputs=zeros),
        "negative_zeros": Edge(inputs=negative_zeros),
        "nan": Edge(inputs=nan),
        "empty": Edge(shape={"size": [0, 5]}),
    },
    latex=r"y = \max(x, 0),\quad \nabla_x L = G \odot [x > 0]",
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.3.1",
)
