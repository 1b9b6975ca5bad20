r"""Maximum over the pixels under a window that slides over an image.

    x: (N, C, H, W)   y, g = dL/dy: (N, C, *places)   argmax: the largest pixel, (N, C, *places)

    y(i) = max over u of x(stride i + u - padding)     u: an entry of the window; padding is -inf

Each y is a copy of one pixel, so its gradient goes there. Windows overlap, and a pixel adds up what it gets
from each:

    dL/dx(j) = sum of g(i) over places i with argmax(i) = j     (N, C, H, W)

`scattered` adds g to where the saved indices point. `compared` keeps none: it makes the columns again,
finds the first largest of each, and folds the columns back as `conv2d` does.

Ties: the first pixel of a window in reading order gets all, as in PyTorch.

Delicate: an assignment in place of the sum keeps one of several windows. Padding is -inf and not 0, which
would win where all pixels are negative; no window lies in it as a whole, as padding is at most half of it.
A NaN is the largest.
"""

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from experiments.convolution.conv2d import slide
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, integer, register


def shapes(N: int, C: int, image: list[int], *, kernel: int = 2, stride: int = 2, padding: int = 0) -> Sizes:
    if len(image) != 2:
        raise ValueError(f"shape.image={image}: must be two sizes, as in [7,5]")
    if 2 * padding > kernel:
        raise ValueError(f"params.padding={padding}: must be at most half of params.kernel={kernel}")
    slide(image, [kernel, kernel], stride, padding, 1)
    return {"x": (N, C, *image)}


@in_float32(saved=("argmax",))
def forward(
    x: Tensor, *,
    kernel: Annotated[int, integer(1, 2, 3)] = 2,
    stride: Annotated[int, integer(1, 2, 1)] = 2,
    padding: Annotated[int, integer(0, 0, 1)] = 0,
) -> dict[str, Tensor]:  # fmt: skip
    padded = functional.pad(x, (padding,) * 4, value=-torch.inf)
    first = windows(padded.detach(), kernel, stride).argmax(dim=-1, keepdim=True)
    y = windows(padded, kernel, stride).gather(-1, first)[..., 0]
    return {"y": y, "argmax": pixels(first[..., 0], x, kernel, stride, padding)}


def library(x: Tensor, *, kernel: int = 2, stride: int = 2, padding: int = 0) -> Tensor:
    return functional.max_pool2d(x, kernel, stride, padding)


@in_float32
def scattered(grad_y: Tensor, argmax: Tensor, x: Tensor) -> Gradients:
    flat = torch.zeros_like(x).flatten(2)
    return {"x": flat.scatter_add_(2, argmax.flatten(2), grad_y.flatten(2)).reshape(x.shape)}


@in_float32
def compared(grad_y: Tensor, x: Tensor, *, kernel: int = 2, stride: int = 2, padding: int = 0) -> Gradients:
    padded = functional.pad(x, (padding,) * 4, value=-torch.inf)
    first = windows(padded, kernel, stride).argmax(dim=-1, keepdim=True)
    entries = torch.arange(kernel * kernel, device=x.device)
    col = torch.where(first == entries, grad_y[..., None], 0)  # (N, C, *places, kernel^2)
    col = col.flatten(2, 3).mT.flatten(1, 2)
    return {"x": functional.fold(col, x.shape[2:], kernel, padding=padding, stride=stride)}


def windows(padded: Tensor, kernel: int, stride: int) -> Tensor:
    """Return the pixels under each window, without a copy where possible: (N, C, *places, kernel^2)."""
    return padded.unfold(2, kernel, stride).unfold(3, kernel, stride).flatten(-2)


def pixels(first: Tensor, x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Turn entries of windows into pixels of the image, counted in reading order."""
    rows, columns = (torch.arange(n, device=x.device) * stride - padding for n in first.shape[2:])
    return (rows[:, None] + first // kernel) * x.shape[3] + columns + first % kernel


register(
    gradients=[scattered, compared],
    edges={
        "empty_batch": Edge.empty("N"),
        "all_equal": Edge.zeros("x", kink=True),
        "all_negative": Edge(params={"kernel": 3, "padding": 1}, inputs=lambda x: {"x": -x.abs() - 1}),
        "overlapping": Edge(params={"kernel": 3, "stride": 1}),
        "pixels_left_over": Edge(shape={"image": [5, 7]}, params={"kernel": 2, "stride": 2}),
    },
    example=Example(shape={"N": 2, "C": 3, "image": [7, 6]}, params={"kernel": 3, "stride": 2, "padding": 1}),
    latex=r"y(i) = \max_u x(s i + u - p),\quad \nabla_{x(j)} L = \textstyle\sum_{i:\, \arg\max(i) = j} g(i)",
    source="LeCun et al. (1998); Goodfellow, Bengio and Courville, Deep Learning (2016), section 9.3",
)
