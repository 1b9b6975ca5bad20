r"""Mean over the pixels under a window that slides over an image.

    x: (N, C, H, W)   y, g = dL/dy: (N, C, *places)

    y(i) = 1/n(i) sum over u of x(stride i + u - padding)     u: an entry of the window; padding is 0

n is the window's size, or, if padding is not to count, the number of pixels under it. Each of these gets
its share:

    dL/dx(j) = sum of g(i) / n(i) over places i whose window covers j     (N, C, H, W)

`fold` puts the shares in a column for each place and adds the columns up, the adjoint of copying (see
`unfold`).

Delicate: n differs at the border if padding does not count, and g is divided before it is spread. Pixels
that no window reaches get 0.
"""

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from experiments.convolution import max_pool2d
from experiments.convolution.max_pool2d import windows
from runner.formula import Edge, Example, Gradients, in_float32, integer, register

shapes = max_pool2d.shapes


@in_float32
def forward(
    x: Tensor, *,
    kernel: Annotated[int, integer(1, 2, 3)] = 2,
    stride: Annotated[int, integer(1, 2, 1)] = 2,
    padding: Annotated[int, integer(0, 0, 1)] = 0,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    total = windows(functional.pad(x, (padding,) * 4), kernel, stride).sum(dim=-1)
    return total / count(x, kernel, stride, padding, count_include_pad)


def library(
    x: Tensor, *, kernel: int = 2, stride: int = 2, padding: int = 0, count_include_pad: bool = True
) -> Tensor:
    return functional.avg_pool2d(x, kernel, stride, padding, count_include_pad=count_include_pad)


@in_float32
def shares(
    grad_y: Tensor, x: Tensor,
    *, kernel: int = 2, stride: int = 2, padding: int = 0, count_include_pad: bool = True,
) -> Gradients:  # fmt: skip
    share = grad_y / count(x, kernel, stride, padding, count_include_pad)
    col = share.flatten(2).repeat_interleave(kernel * kernel, dim=1)  # (N, C kernel^2, |places|)
    return {"x": functional.fold(col, x.shape[2:], kernel, padding=padding, stride=stride)}


def count(x: Tensor, kernel: int, stride: int, padding: int, count_include_pad: bool) -> Tensor:
    """Return n of each place: (*places)."""
    padded = functional.pad(
        torch.ones_like(x[:0, :0]).sum((0, 1)) + 1, (padding,) * 4, value=count_include_pad
    )
    return windows(padded[None, None], kernel, stride).sum(dim=-1)[0, 0]


register(
    gradients=[shares],
    edges={
        "empty_batch": Edge.empty("N"),
        "overlapping": Edge(params={"kernel": 3, "stride": 1}),
        "pixels_left_over": Edge(shape={"image": [5, 7]}, params={"kernel": 2, "stride": 2}),
        "pixels_skipped": Edge(params={"kernel": 1, "stride": 2, "padding": 0}),
    },
    example=Example(
        shape={"N": 2, "C": 3, "image": [7, 6]},
        params={"kernel": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    ),
    latex=r"y(i) = \tfrac{1}{n(i)} \textstyle\sum_u x(s i + u - p),\quad "
    r"\nabla_{x(j)} L = \textstyle\sum_{i \ni j} g(i) / n(i)",
    source="LeCun et al. (1998); Goodfellow, Bengio and Courville, Deep Learning (2016), section 9.3",
)
