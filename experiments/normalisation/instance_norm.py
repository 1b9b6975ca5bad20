r"""Instance normalisation: every channel of every sample is normalised by itself, over its pixels.

    x: (N, C, *image)   w, b: (C)   mean, rstd: (N, C, 1)   y: (N, C, *image)   g = dL/dy: (N, C, *image)

It is `group_norm` with as many groups as channels, and so is its gradient. Here a row has one channel, of
one w, which may be taken out of the means that `group_norm` must take of w g:

    dL/dx = w rstd (g - mean(g) - xh mean(g * xh))     by sample and channel
    dL/dw = sum over samples and pixels of g * xh      (C)
    dL/db = sum over samples and pixels of g           (C)

Delicate: with one pixel xh is 0 whatever x is, and nothing comes back; PyTorch refuses that, and so does
`shapes`.
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from experiments.normalisation import group_norm
from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, register


def shapes(N: int, C: int, image: list[int]) -> Sizes:
    if not image or math.prod(image) < 2:
        raise ValueError(f"shape.image={image}: needs two pixels or more; one is always its own mean")
    return {"x": (N, C, *image), "w": (C,), "b": (C,)}


@in_float32(saved=("mean", "rstd"))
def forward(
    x: Tensor, w: Tensor, b: Tensor, *, eps: Annotated[float, above(0, 1e-5, 0.1)] = 1e-5
) -> dict[str, Tensor]:
    return group_norm.forward(x, w, b, groups=x.shape[1], eps=eps)


def library(x: Tensor, w: Tensor, b: Tensor, *, eps: float = 1e-5) -> Tensor:
    return torch.nn.functional.instance_norm(x, weight=w, bias=b, eps=eps)


@in_float32
def saved_statistics(
    grad_y: Tensor, mean: Tensor, rstd: Tensor, x: Tensor, w: Tensor, b: Tensor
) -> Gradients:
    return group_norm.saved_statistics(grad_y, mean, rstd, x, w, b, groups=x.shape[1])


register(
    gradients=[saved_statistics],
    edges={"equal_numbers": Edge.filled("x", 2), "far_from_zero": Edge.shifted("x", 1000)},
    example=Example(shape={"N": 2, "C": 3, "image": [4, 5]}),
    latex=r"y = w \odot \hat x + b,\quad "
    r"\nabla_x L = w\, r\, (g - \overline{g} - \hat x\, \overline{g \odot \hat x})",
    source="Ulyanov, Vedaldi and Lempitsky, Instance Normalization (2016)",
)
