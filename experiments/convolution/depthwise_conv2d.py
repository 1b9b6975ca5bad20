r"""Depthwise convolution: every channel has one filter of its own, and channels do not mix.

    x: (N, C, H, W)   w: (C, *kernel)   y, g = dL/dy: (N, C, *places)

    y_nc(i) = sum over u of w_c(u) x_nc(stride i + u - padding)     u: an entry of the filter

As `conv2d` with as many groups as channels it would be C products of one row each. Entry by entry it is a
sum of |kernel| products of elements, each with x seen through a stride, and so are the gradients:

    dL/dw_c(u) = sum of g_nc(i) x_nc(stride i + u - padding) over n, i      (C)
    dL/dx_nc(j) = sum of w_c(u) g_nc(i) over i, u with stride i + u - padding = j

`entry_by_entry` writes dL/dx into the views that the forward read. `as_groups` hands it all to `conv2d`.

Delicate: windows overlap, so that dL/dx is added and not assigned. The sum for w runs over samples and
places, and is in float32 in half precision.
"""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from experiments.convolution import conv2d
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, integer, register


def shapes(
    N: int, C: int, image: list[int], kernel: list[int], *, stride: int = 1, padding: int = 0
) -> Sizes:
    if len(image) != 2 or len(kernel) != 2:
        raise ValueError(f"shape.image={image}, shape.kernel={kernel}: must be two sizes each, as in [7,5]")
    conv2d.slide(image, kernel, stride, padding, 1)
    return {"x": (N, C, *image), "w": (C, *kernel)}


@in_float32
def forward(
    x: Tensor, w: Tensor, *,
    stride: Annotated[int, integer(1, 1, 2)] = 1, padding: Annotated[int, integer(0, 0, 1)] = 0,
) -> Tensor:  # fmt: skip
    views = seen_by_entry(functional.pad(x, (padding,) * 4), w, stride)
    return torch.stack([w_u[:, None, None] * view for w_u, view in zip(entries(w), views, strict=True)]).sum(
        0
    )


def library(x: Tensor, w: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
    return functional.conv2d(x, w[:, None], None, stride, padding, groups=len(w))


@in_float32
def entry_by_entry(grad_y: Tensor, x: Tensor, w: Tensor, *, stride: int = 1, padding: int = 0) -> Gradients:
    padded = functional.pad(x, (padding,) * 4)
    grad_padded, grad_w = torch.zeros_like(padded), []
    views, grads = seen_by_entry(padded, w, stride), seen_by_entry(grad_padded, w, stride)
    for w_u, view, grad in zip(entries(w), views, grads, strict=True):
        grad_w.append((grad_y * view).sum(dim=(0, 2, 3)))
        grad += w_u[:, None, None] * grad_y
    height, width = x.shape[2:]
    grad_x = grad_padded[..., padding : padding + height, padding : padding + width]
    return {"x": grad_x, "w": torch.stack(grad_w, dim=1).reshape(w.shape)}


@in_float32
def as_groups(grad_y: Tensor, x: Tensor, w: Tensor, *, stride: int = 1, padding: int = 0) -> Gradients:
    of = conv2d.im2col(
        grad_y, x, w[:, None], stride=stride, padding=padding, dilation=1, groups=len(w)
    )  # fmt: skip
    return {"x": of["x"], "w": of["W"][:, 0]}


def entries(w: Tensor) -> Iterator[Tensor]:
    yield from w.flatten(1).unbind(dim=1)


def seen_by_entry(padded: Tensor, w: Tensor, stride: int) -> Iterator[Tensor]:
    """Yield for each entry of the filter a view of what it is multiplied with: (N, C, *places)."""
    height, width = w.shape[1:]
    places = padded.unfold(2, height, stride).unfold(3, width, stride)
    for row in range(height):
        for column in range(width):
            yield places[..., row, column]


register(
    gradients=[entry_by_entry, as_groups],
    edges={
        "empty_batch": Edge.empty("N"),
        "one_pixel_kernel": Edge(shape={"kernel": [1, 1]}),
        "pixels_left_over": Edge(shape={"image": [8, 9], "kernel": [2, 3]}, params={"stride": 2}),
    },
    example=Example(
        shape={"N": 2, "C": 3, "image": [7, 6], "kernel": [3, 2]}, params={"stride": 2, "padding": 1}
    ),
    latex=r"y_c(i) = \textstyle\sum_u w_c(u)\, x_c(s i + u - p),\quad "
    r"\nabla_{w_c(u)} L = \textstyle\sum_{n,i} g_c(i)\, x_c(s i + u - p)",
    source="Howard et al., MobileNets (2017), section 3.1",
)
