r"""Batch normalisation of every channel: y = w * xh + b, where xh = (x - mean) / sqrt(var + eps).

    x: (N, C, *image)   w, b: (C)   mean, rstd: (C, 1)   y: (N, C, *image)   g = dL/dy: (N, C, *image)

A channel is normalised over samples and pixels together. It is one long row of n = N |image| numbers, and
rows(x): (C, n). In training, mean and var (biased, that is divided by n) are those of the row, and
everything is as in `layer_norm`, which normalises rows too:

    q     = w g                                           (C, n)
    dL/dx = rstd (q - mean(q) - xh mean(q * xh))          (C, n), and back to (N, C, *image)
    dL/dw = sum over the row of g * xh     dL/db = sum over the row of g     (C)

except that w and b belong to the row as a whole, not to a column of it. The means connect the samples: what
one of them receives depends on all others.

w is one number for a row, so that mean(q) = w dL/db / n and mean(q * xh) = w dL/dw / n. `saved_statistics`
leaves dL/dx to `layer_norm`, four sums over each row in all; `shared_sums` has it of the two that there are:

    dL/dx = w rstd (g - dL/db / n - xh dL/dw / n)

In evaluation mean and var are running averages from training, constants. Nothing comes back through them:

    dL/dx = w rstd g

`library` is handed copies of the running averages, which PyTorch would update in training, with the
unbiased var.

Delicate: to use the gradient of one mode in the other; they agree only where both means vanish. As in
`layer_norm` deviations are centred twice, and half precision is computed in float32.

Edges: equal numbers give xh = 0. Training needs two numbers a channel; one would always be its own mean. No
samples are fine in evaluation.
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from experiments.normalisation import layer_norm
from runner.formula import Draw, Edge, Example, Gradients, Sizes, above, in_float32, register


def shapes(N: int, C: int, image: list[int], *, training: bool = True) -> Sizes:
    sizes: Sizes = {"x": (N, C, *image), "w": (C,), "b": (C,)}
    if not training:
        return {**sizes, "running_mean": (C,), "running_var": (C,)}
    if (numbers := N * math.prod(image)) < 2:
        raise ValueError(f"shape.N={N}, shape.image={image}: {numbers} numbers a channel; training needs two")
    return sizes


def sample(rng: Draw, C: int, *, training: bool) -> dict[str, Tensor]:
    return {} if training else {"running_var": rng.uniform((C,), 0.5, 1.5)}


@in_float32(saved=("mean", "rstd"))
def forward(
    x: Tensor, w: Tensor, b: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    *, training: bool = True, eps: Annotated[float, above(0, 1e-5, 0.1)] = 1e-5,
) -> dict[str, Tensor]:  # fmt: skip
    if running_mean is None or running_var is None:
        mean, rstd = layer_norm.statistics(rows(x), eps)
        xh = layer_norm.normalised(rows(x), mean, rstd)
    else:
        mean, rstd = running_mean[:, None], torch.rsqrt(running_var + eps)[:, None]
        xh = rstd * (rows(x) - mean)
    return {"y": images(w[:, None] * xh + b[:, None], x), "mean": mean, "rstd": rstd}


def library(
    x: Tensor, w: Tensor, b: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    *, training: bool = True, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    return torch.nn.functional.batch_norm(x, running_mean, running_var, w, b, training, eps=eps)


@in_float32
def saved_statistics(
    grad_y: Tensor, mean: Tensor, rstd: Tensor, x: Tensor, w: Tensor, b: Tensor, *, training: bool = True
) -> Gradients:
    g, row = rows(grad_y), rows(x)
    if training:
        xh = layer_norm.normalised(row, mean, rstd)
        grad_row = layer_norm.saved_statistics(w[:, None] * g, mean, rstd, row)["x"]
    else:
        xh, grad_row = rstd * (row - mean), w[:, None] * rstd * g
    return {"x": images(grad_row, x), "w": (g * xh).sum(dim=1), "b": g.sum(dim=1)}


@in_float32
def shared_sums(
    grad_y: Tensor, mean: Tensor, rstd: Tensor, x: Tensor, w: Tensor, b: Tensor, *, training: bool = True
) -> Gradients:
    g, row = rows(grad_y), rows(x)
    xh = layer_norm.normalised(row, mean, rstd) if training else rstd * (row - mean)
    of_w, of_b = (g * xh).sum(dim=1, keepdim=True), g.sum(dim=1, keepdim=True)
    passed = g - (of_b + xh * of_w) / row.shape[1] if training else g
    return {"x": images(w[:, None] * rstd * passed, x), "w": of_w[:, 0], "b": of_b[:, 0]}


def rows(x: Tensor) -> Tensor:
    """Put all numbers of a channel into a row: (C, N |image|)."""
    return x.transpose(0, 1).reshape(x.shape[1], math.prod([len(x), *x.shape[2:]]))


def images(row: Tensor, like: Tensor) -> Tensor:
    """Undo `rows`."""
    return row.reshape(like.shape[1], len(like), *like.shape[2:]).transpose(0, 1)


register(
    gradients=[saved_statistics, shared_sums],
    constants=("running_mean", "running_var"),
    edges={
        "no_samples": Edge(shape={"N": 0}, params={"training": False}),
        "no_image": Edge(shape={"image": []}),
        "equal_numbers": Edge.filled("x", 2),
        "far_from_zero": Edge.shifted("x", 1000),
    },
    example=Example(shape={"N": 4, "C": 3, "image": [5, 2]}),
    latex=r"y = w \odot \hat x + b,\quad "
    r"\nabla_x L = r\, (q - \overline{q} - \hat x\, \overline{q \odot \hat x}),\quad q = w\, g",
    source="Ioffe and Szegedy, Batch Normalization (2015), section 3",
)
