r"""Transposed convolution of images: the backward of a convolution by its input, run as a forward.

    x: (N, C, *places)   W: (C, O, *kernel)   b: (O)   y, g = dL/dy: (N, O, *image)

A convolution that reads an image y at the places i is linear, and its adjoint spreads x(i) over the pixels
under the filter:

    y_no(j) = b_o + sum of x_nc(i) W_co(u) over c and all i, u with stride i + u - padding = j

The adjoint of the adjoint is the convolution itself. So dL/dx is `conv2d` of g, with the same filters, and
dL/dW is that of `conv2d` with the parts of image and upstream gradient changed over:

    dL/dx = conv2d(g, W)                       (N, C, *places)
    dL/dW = conv2d's dL/dW of image g and upstream gradient x     (C, O, *kernel)
    dL/db = sum of g over samples and pixels   (O)

Delicate: W is (C, O, ...) here, inputs first, so that the convolution's filters need no transpose. With a
stride, several sizes of an image have the same places; output_padding chooses among them, and its pixels at
the far edge get b alone, and their g goes nowhere but to b.
"""

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor
from torch.nn import functional

from experiments.convolution import conv2d
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, integer, register


def shapes(
    N: int, C: int, O: int, places: list[int], kernel: list[int],
    *, stride: int = 1, padding: int = 0, output_padding: int = 0,
) -> Sizes:  # fmt: skip
    if len(places) != 2 or len(kernel) != 2:
        raise ValueError(f"shape.places={places}, shape.kernel={kernel}: must be two sizes each, as in [7,5]")
    if output_padding >= stride:
        raise ValueError(f"params.output_padding={output_padding}: must be less than params.stride={stride}")
    if min(size_of(places, kernel, stride, padding, output_padding)) < 1:
        raise ValueError(f"params.padding={padding} leaves nothing of shape.places={places}")
    return {"x": (N, C, *places), "W": (C, O, *kernel), "b": (O,)}


@in_float32
def forward(
    x: Tensor, W: Tensor, b: Tensor, *,
    stride: Annotated[int, integer(1, 1, 2)] = 1,
    padding: Annotated[int, integer(0, 0, 1)] = 0,
    output_padding: Annotated[int, integer(0, 0, 1)] = 0,
) -> Tensor:  # fmt: skip
    image = size_of(x.shape[2:], W.shape[2:], stride, padding, output_padding)
    col = W.flatten(1).T @ x.flatten(2)  # (N, O |kernel|, |places|)
    y = functional.fold(col, image, W.shape[2:], padding=padding, stride=stride)
    return y + b[:, None, None]


def library(
    x: Tensor, W: Tensor, b: Tensor, *, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> Tensor:
    return functional.conv_transpose2d(x, W, b, stride, padding, output_padding)


@in_float32
def convolved(
    grad_y: Tensor, x: Tensor, W: Tensor, b: Tensor, *, stride: int = 1, padding: int = 0
) -> Gradients:
    grad_x = conv2d.forward(grad_y, W, stride=stride, padding=padding)
    of = conv2d.im2col(x, grad_y, W, stride=stride, padding=padding, dilation=1, groups=1)
    return {"x": grad_x, "W": of["W"], "b": grad_y.sum(dim=(0, 2, 3))}


def size_of(
    places: Sequence[int],
    kernel: Sequence[int],
    stride: int,
    padding: int,
    output_padding: int,
) -> tuple[int, ...]:
    """Return the size of the image."""
    sizes = zip(places, kernel, strict=True)
    return tuple((n - 1) * stride - 2 * padding + k + output_padding for n, k in sizes)


register(
    gradients=[convolved],
    edges={
        "empty_batch": Edge.empty("N"),
        "one_place": Edge(shape={"places": [1, 1]}),
        "one_pixel_kernel": Edge(shape={"kernel": [1, 1]}, params={"padding": 0}),
        "far_edge": Edge(params={"stride": 2, "output_padding": 1}),
    },
    example=Example(
        shape={"N": 2, "C": 3, "O": 4, "places": [4, 5], "kernel": [3, 2]},
        params={"stride": 2, "padding": 1, "output_padding": 1},
    ),
    latex=r"y(j) = b + \textstyle\sum_{s i + u - p = j} W(u)^\top x(i),\quad \nabla_x L = W \star g",
    source="Dumoulin and Visin, A guide to convolution arithmetic (2016), chapter 4",
)
