r"""Group normalisation: the channels of a sample are normalised in groups, together with their pixels.

    x: (N, C, *image)   w, b: (C)   mean, rstd: (N, groups, 1)   y: (N, C, *image)   g = dL/dy: (N, C, *image)

    y = w * xh + b     xh = (x - mean) / sqrt(var + eps), mean and var of a group of C/groups channels

A group is a row of n = C/groups |image| numbers, normalised as `layer_norm` does it; rows(x): (N, groups,
n). But w and b belong to channels, of which a row has several. So w must multiply the upstream gradient
before the means over the row are taken, and cannot be pulled out of them:

    q     = w g                                      by channel, then as rows
    dL/dx = rstd (q - mean(q) - xh mean(q * xh))     by row, then as images
    dL/dw = sum over samples and pixels of g * xh    (C)
    dL/db = sum over samples and pixels of g         (C)

One group is layer normalisation over all of a sample, C groups are `instance_norm`.

Delicate: w varies inside of a group; taken out of the means it gives a gradient that is right for one
channel a group and for equal w, as at the start of a training run. As in `layer_norm`, deviations are
centred twice, and half precision is computed in float32.

Edges: equal numbers, as with one channel of one pixel a group, give xh = 0; no samples.
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from experiments.normalisation import layer_norm
from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, integer, register


def shapes(N: int, C: int, image: list[int], *, groups: int = 1) -> Sizes:
    if C % groups:
        raise ValueError(f"params.groups={groups}: must divide the channels, shape.C={C}")
    return {"x": (N, C, *image), "w": (C,), "b": (C,)}


@in_float32(saved=("mean", "rstd"))
def forward(
    x: Tensor, w: Tensor, b: Tensor, *,
    groups: Annotated[int, integer(1, 1, 2, 3)] = 1, eps: Annotated[float, above(0, 1e-5, 0.1)] = 1e-5,
) -> dict[str, Tensor]:  # fmt: skip
    mean, rstd = layer_norm.statistics(rows(x, groups), eps)
    xh = layer_norm.normalised(rows(x, groups), mean, rstd).reshape(x.shape)
    return {"y": by_channel(w, x) * xh + by_channel(b, x), "mean": mean, "rstd": rstd}


def library(x: Tensor, w: Tensor, b: Tensor, *, groups: int = 1, eps: float = 1e-5) -> Tensor:
    return torch.nn.functional.group_norm(x, groups, w, b, eps)


@in_float32
def saved_statistics(
    grad_y: Tensor, mean: Tensor, rstd: Tensor, x: Tensor, w: Tensor, b: Tensor, *, groups: int = 1
) -> Gradients:
    row, q = rows(x, groups), rows(by_channel(w, x) * grad_y, groups)
    grad_row = layer_norm.saved_statistics(q, mean, rstd, row)["x"]
    xh = layer_norm.normalised(row, mean, rstd).reshape(x.shape)
    others = [axis for axis in range(x.ndim) if axis != 1]
    return {
        "x": grad_row.reshape(x.shape),
        "w": (grad_y * xh).sum(dim=others),
        "b": grad_y.sum(dim=others),
    }


@in_float32
def recomputed(grad_y: Tensor, x: Tensor, w: Tensor, b: Tensor, *, groups: int = 1, eps: float) -> Gradients:
    mean, rstd = layer_norm.statistics(rows(x, groups), eps)
    return saved_statistics(grad_y, mean, rstd, x, w, b, groups=groups)


def rows(x: Tensor, groups: int) -> Tensor:
    """Put all numbers of a group into a row: (N, groups, n)."""
    return x.reshape(len(x), groups, math.prod(x.shape[1:]) // groups)


def by_channel(w: Tensor, x: Tensor) -> Tensor:
    """Lay one number a channel along the channels of x."""
    return w.reshape(-1, *[1] * (x.ndim - 2))


register(
    gradients=[saved_statistics, recomputed],
    edges={
        "no_samples": Edge.empty("N"),
        "no_image": Edge(shape={"image": []}),
        "equal_numbers": Edge.filled("x", 2),
        "far_from_zero": Edge.shifted("x", 1000),
        "one_channel_a_group": Edge(shape={"C": 3}, params={"groups": 3}),
    },
    example=Example(shape={"N": 2, "C": 6, "image": [3, 2]}, params={"groups": 2}),
    latex=r"y = w \odot \hat x + b,\quad "
    r"\nabla_x L = r\, (q - \overline{q} - \hat x\, \overline{q \odot \hat x}),\quad q = w \odot g",
    source="Wu and He, Group Normalization (2018), section 3",
)
