r"""Convolution of images, in the sense of networks: filters slide over an image and are correlated with it.

    x: (N, C, *image)   W: (O, C/groups, *kernel)   b: (O), optional   y: (N, O, *places)   G = dL/dy

Let i be a place of the kernel, u an entry of the kernel and j a pixel; each is a pair of integers. At
place i, entry u lies on pixel j = stride i + dilation u - padding (0 where there is none):

    y_no(i) = b_o + sum_cu W_oc(u) x_nc(stride i + dilation u - padding)

`im2col` copies the pixels under the kernel into a column for each place, col_n: (C |kernel|, |places|).
The convolution is then a linear layer y_n = W col_n, W: (O, C |kernel|), and its backward that of such a
layer. A pixel collects from all columns that it was copied into; fold does that, the adjoint of copying:

    dL/dW = sum_n G_n col_n'     dL/dx_n = fold(W' G_n)     dL/db_o = sum_ni G_no(i)

`transposed_convolution` reads the same sums as convolutions instead. For x, each G(i) spreads the kernel
over the pixels under it. For W the sum runs over places, so that G slides over x: samples play the part of
channels, and stride and dilation have changed roles.

    dL/dx_nc(j) = sum of G_no(i) W_oc(u) over o and all i, u with stride i + dilation u - padding = j
    dL/dW_oc(u) = sum_ni G_no(i) x_nc(stride i + dilation u - padding)

Delicate: the last step of the kernel may leave pixels over at the far edge. Their gradient is zero; the
transposed convolution has to be told of them (output_padding), and G slides too far by them (cut off).
Each of `groups` convolutions has channels and filters of its own. Half precision is summed in float32.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional

from runner.formula import Domain, Edge, Example, Gradients, Sizes, in_float32, integer, register

Pair = int | list[int]  # one number for both axes, or one for each


def pair(value: Pair) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, list) else (value, value)


def pair_from(low: int, *examples: Pair) -> Domain:
    """Return the domain of one integer for both axes, or one for each."""
    one = integer(low)

    def contains(value: Any) -> bool:
        return len(pair(value)) == 2 and all(map(one.contains, pair(value)))

    return Domain(f"{one.description}, or a pair of them as in [2,1]", contains, examples)


# Letters in einsum: n sample, g group, o filter, k entry of a filter, l place.


def shapes(
    N: int, C: int, O: int, image: list[int], kernel: list[int],
    *, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1, groups: int = 1, bias: bool = True,
) -> Sizes:  # fmt: skip
    if C % groups or O % groups:
        raise ValueError(f"params.groups={groups}: must divide the channels, shape.C={C} and shape.O={O}")
    if len(image) != 2 or len(kernel) != 2:
        raise ValueError(f"shape.image={image}, shape.kernel={kernel}: must be two sizes each, as in [7,5]")
    slide(image, kernel, stride, padding, dilation)
    sizes: Sizes = {"x": (N, C, *image), "W": (O, C // groups, *kernel)}
    return {**sizes, "b": (O,)} if bias else sizes


@in_float32
def forward(
    x: Tensor, W: Tensor, b: Tensor | None = None, *,
    stride: Annotated[Pair, pair_from(1, 1, 2, [3, 2])] = 1,
    padding: Annotated[Pair, pair_from(0, 0, 1, [2, 1])] = 0,
    dilation: Annotated[Pair, pair_from(1, 1, 2, [1, 3])] = 1,
    groups: Annotated[int, integer(1, 1, 2)] = 1,
) -> Tensor:  # fmt: skip
    places = [steps + 1 for steps, _ in slide(x.shape[2:], W.shape[2:], stride, padding, dilation)]
    col = columns(x, W, stride, padding, dilation, groups)
    y = torch.einsum("gok,ngkl->ngol", matrices(W, groups), col).reshape(len(x), len(W), *places)
    return y if b is None else y + b[:, None, None]


def library(
    x: Tensor, W: Tensor, b: Tensor | None = None,
    *, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    return functional.conv2d(x, W, b, stride, padding, dilation, groups)


@in_float32
def im2col(
    grad_y: Tensor, x: Tensor, W: Tensor, b: Tensor | None = None,
    *, stride: Pair, padding: Pair, dilation: Pair, groups: int,
) -> Gradients:  # fmt: skip
    G = grouped(grad_y.flatten(2), groups)  # (N, groups, O/groups, |places|)
    grad_W = torch.einsum("ngol,ngkl->gok", G, columns(x, W, stride, padding, dilation, groups))
    grad_col = torch.einsum("gok,ngol->ngkl", matrices(W, groups), G).flatten(1, 2)
    geometry = x.shape[2:], W.shape[2:], pair(dilation), pair(padding), pair(stride)
    grad_x = functional.fold(grad_col, *geometry)
    return {"x": grad_x, "W": grad_W.reshape(W.shape), **by_bias(grad_y, b)}


@in_float32
def transposed_convolution(
    grad_y: Tensor, x: Tensor, W: Tensor, b: Tensor | None = None,
    *, stride: Pair, padding: Pair, dilation: Pair, groups: int,
) -> Gradients:  # fmt: skip
    left_over = [pixels for _, pixels in slide(x.shape[2:], W.shape[2:], stride, padding, dilation)]
    grad_x = functional.conv_transpose2d(grad_y, W, None, stride, padding, left_over, groups, dilation)
    grad_W = by_sliding(grad_y, x, W, stride, padding, dilation, groups)
    return {"x": grad_x, "W": grad_W, **by_bias(grad_y, b)}


def by_sliding(
    G: Tensor, x: Tensor, W: Tensor, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """Return dL/dW, the convolution of x by G with samples for channels and stride for dilation."""
    if len(x) == 0:
        return torch.zeros_like(W)  # conv2d gives no filters where there are no channels
    samples = grouped(x, groups).transpose(0, 2).flatten(1, 2)  # (C/groups, groups N, *image)
    slid = functional.conv2d(samples, G.transpose(0, 1), None, dilation, padding, stride, groups)
    height, width = W.shape[2:]
    return slid.transpose(0, 1)[..., :height, :width]


def by_bias(grad_y: Tensor, b: Tensor | None) -> Gradients:
    return {} if b is None else {"b": grad_y.sum(dim=(0, 2, 3))}


def slide(
    image: Sequence[int], kernel: Sequence[int], stride: Pair, padding: Pair, dilation: Pair
) -> list[tuple[int, int]]:
    """Return for each axis how many steps the kernel takes, and how many pixels its last one leaves over."""
    found = []
    for size, k, s, p, d in zip(image, kernel, pair(stride), pair(padding), pair(dilation), strict=True):
        span, room = d * (k - 1) + 1, size + 2 * p
        if span > room:
            raise ValueError(
                f"shape.kernel={list(kernel)} spans {span} pixels with params.dilation={dilation}; "
                f"shape.image={list(image)} with params.padding={padding} has only {room}"
            )
        found.append(divmod(room - span, s))
    return found


def columns(x: Tensor, W: Tensor, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Tensor:
    """Copy the pixels under the kernel: (N, groups, C/groups |kernel|, |places|)."""
    col = functional.unfold(x, W.shape[2:], pair(dilation), pair(padding), pair(stride))
    return grouped(col, groups)


def matrices(W: Tensor, groups: int) -> Tensor:
    """Return the filters of each group as rows: (groups, O/groups, C/groups |kernel|)."""
    return W.reshape(groups, len(W) // groups, -1)


def grouped(x: Tensor, groups: int) -> Tensor:
    """Split the channels: (N, groups, C/groups, ...)."""
    return x.reshape(len(x), groups, x.shape[1] // groups, *x.shape[2:])


register(
    gradients=[im2col, transposed_convolution],
    edges={
        "empty_batch": Edge.empty("N"),
        "one_pixel_kernel": Edge(shape={"kernel": [1, 1]}),
        "kernel_as_large_as_image": Edge(shape={"image": [5, 3], "kernel": [5, 3]}),
        "pixels_left_over": Edge(shape={"image": [8, 9], "kernel": [2, 3]}, params={"stride": [5, 4]}),
        "pixels_skipped": Edge(shape={"kernel": [1, 2]}, params={"stride": 3}),
        "depthwise": Edge(shape={"C": 4, "O": 4}, params={"groups": 4}),
    },
    example=Example(
        shape={"N": 2, "C": 4, "O": 6, "image": [8, 11], "kernel": [3, 2]},
        params={"stride": [2, 1], "padding": [1, 0]},
    ),
    latex=r"y_{no}(i) = b_o + \sum_{c,u} W_{oc}(u)\, x_{nc}(s i + d u - p),\quad "
    r"\nabla_W L = \sum_n G_n\, \mathrm{col}_n^\top,\quad \nabla_{x_n} L = \mathrm{fold}(W^\top G_n)",
    source="LeCun et al. (1989); Chellapilla, Puri and Simard (2006); Dumoulin and Visin (2016), chapter 4",
)
