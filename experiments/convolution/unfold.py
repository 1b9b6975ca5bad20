r"""Unfold (im2col): the pixels under each position of a window become a column.

    x: (N, C, H, W)   y, g = dL/dy: (N, C |kernel|, |places|)

    y_n,cu(i) = x_nc(stride i + dilation u - padding)     u: an entry of the window; padding is 0

Each number of y is a copy of one of x, so that the Jacobian has ones and zeros. A pixel collects from all
columns that it was copied into:

    dL/dx_nc(j) = sum of g_n,cu(i) over i, u with stride i + dilation u - padding = j     (N, C, H, W)

That is fold, the adjoint of unfold, <unfold(x), g> = <x, fold(g)>. `fold` calls it. `entry_by_entry` is it:
for each entry of the window, one row of g for each channel lies on a strided part of the image, and is
added there.

Delicate: fold is not the inverse of unfold. Where windows overlap fold(unfold(x)) counts a pixel several
times, and where they skip pixels, not at all.
"""

from collections.abc import Iterator
from itertools import product
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from experiments.convolution.conv2d import Pair, pair, pair_from, slide
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, integer, register


def shapes(
    N: int,
    C: int,
    image: list[int],
    *,
    kernel: int = 2,
    stride: Pair = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Sizes:
    if len(image) != 2:
        raise ValueError(f"shape.image={image}: must be two sizes, as in [7,5]")
    slide(image, [kernel, kernel], stride, padding, dilation)
    return {"x": (N, C, *image)}


def forward(
    x: Tensor, *,
    kernel: Annotated[int, integer(1, 2, 3, 1)] = 2,
    stride: Annotated[Pair, pair_from(1, 1, [3, 2])] = 1,
    padding: Annotated[int, integer(0, 0, 1)] = 0,
    dilation: Annotated[int, integer(1, 1, 2)] = 1,
) -> Tensor:  # fmt: skip
    padded = functional.pad(x, (padding,) * 4)
    rows = [part(padded, u, kernel, stride, dilation).flatten(2) for u in entries(kernel)]
    return torch.stack(rows, dim=2).flatten(1, 2)


def library(x: Tensor, *, kernel: int = 2, stride: Pair = 1, padding: int = 0, dilation: int = 1) -> Tensor:
    return functional.unfold(x, kernel, dilation, padding, pair(stride))


@in_float32
def fold(
    grad_y: Tensor, x: Tensor, *, kernel: int = 2, stride: Pair = 1, padding: int = 0, dilation: int = 1
) -> Gradients:
    return {"x": functional.fold(grad_y, x.shape[2:], kernel, dilation, padding, pair(stride))}


@in_float32
def entry_by_entry(
    grad_y: Tensor, x: Tensor, *, kernel: int = 2, stride: Pair = 1, padding: int = 0, dilation: int = 1
) -> Gradients:
    N, C, height, width = x.shape
    grad_padded = torch.zeros_like(functional.pad(x, (padding,) * 4))
    of_entry = grad_y.reshape(N, C, kernel * kernel, grad_y.shape[2])
    for place, u in enumerate(entries(kernel)):
        view = part(grad_padded, u, kernel, stride, dilation)
        view += of_entry[:, :, place].reshape(view.shape)
    return {"x": grad_padded[..., padding : padding + height, padding : padding + width]}


def entries(kernel: int) -> Iterator[tuple[int, int]]:
    return product(range(kernel), range(kernel))


def part(padded: Tensor, u: tuple[int, int], kernel: int, stride: Pair, dilation: int) -> Tensor:
    """Return a view of what lies under entry u of the window: (N, C, *places)."""
    span = dilation * (kernel - 1) + 1
    places = padded.unfold(2, span, pair(stride)[0]).unfold(3, span, pair(stride)[1])
    return places[..., dilation * u[0], dilation * u[1]]


register(
    gradients=[fold, entry_by_entry],
    edges={
        "empty_batch": Edge.empty("N"),
        "pixels_left_over": Edge(shape={"image": [8, 9]}, params={"stride": [5, 4]}),
        "pixels_skipped": Edge(params={"kernel": 1, "stride": 3}),
    },
    example=Example(
        shape={"N": 2, "C": 3, "image": [7, 6]}, params={"kernel": 3, "stride": [2, 1], "padding": 1}
    ),
    latex=r"y_{cu}(i) = x_c(s i + d u - p),\quad "
    r"\nabla_{x_c(j)} L = \textstyle\sum_{s i + d u - p = j} g_{cu}(i)",
    source="Chellapilla, Puri and Simard, High performance convolutional neural networks (2006)",
)
