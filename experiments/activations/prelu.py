r"""Parametric rectified linear unit: y = x where x > 0, and a x elsewhere, with a learned for each channel.

    x: (N, C, ...)   a: (C), or (1) for all channels   y: (N, C, ...)   g = dL/dy: (N, C, ...)

    dL/dx = g where x > 0, and a g elsewhere                     (N, C, ...)
    dL/da = sum of g x over all of a channel where x <= 0        (C)

One a serves a whole channel, so its gradient is a sum over all other dimensions; a shared one sums over
channels too.

At the kink, x = 0, the convention for dL/dx is a. For dL/da there is none to make: the term is g 0.

Delicate: the sum is long, and in half precision would swallow its later terms; it is kept in float32.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(N: int, C: int, image: list[int], *, shared: bool = False) -> Sizes:
    return {"x": (N, C, *image), "a": (1,) if shared else (C,)}


@in_float32
def forward(x: Tensor, a: Tensor) -> Tensor:
    return torch.where(x > 0, x, by_channel(a, x) * x)


def library(x: Tensor, a: Tensor) -> Tensor:
    return torch.nn.functional.prelu(x, a)


@in_float32
def masked(grad_y: Tensor, x: Tensor, a: Tensor) -> Gradients:
    slopes = by_channel(a, x)
    by_slope = torch.where(x > 0, 0, grad_y * x).sum_to_size(slopes.shape)
    return {"x": torch.where(x > 0, grad_y, slopes * grad_y), "a": by_slope.reshape(a.shape)}


def by_channel(a: Tensor, x: Tensor) -> Tensor:
    return a.reshape(1, -1, *[1] * (x.ndim - 2))


register(
    gradients=[masked],
    edges={
        "empty_batch": Edge.empty("N"),
        "no_image": Edge(shape={"image": []}),
        "all_positive": Edge(inputs=lambda x: {"x": x.abs() + 1}),
        "zeros": Edge.zeros("x"),
    },
    example=Example(shape={"N": 3, "C": 4, "image": [5]}),
    latex=r"y = \max(x, 0) + a \min(x, 0),\quad \nabla_a L = \textstyle\sum g\, x\, [x \le 0]",
    source="He et al., Delving Deep into Rectifiers (2015), eq. 1",
)
