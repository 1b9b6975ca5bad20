r"""Bilinear resizing of images: y = A x B', with a matrix of weights for each axis.

    x: (N, C, H, W)   A: (P, H)   B: (Q, W)   y, g = dL/dy: (N, C, P, Q), with [P, Q] = size

Row p of A says of which rows of x row p of y is a mean. Its place among them is

    p (H - 1) / (P - 1)                   with align_corners: the first and the last pixels coincide
    max(0, (p + 1/2) H / P - 1/2)         without: the edges of the images coincide

between the rows i and i + 1, which have the weights 1 - f and f for a fraction f. B does the same for
columns. y is linear in x, from both sides, and so

    dL/dx = A' g B     (N, C, H, W)

`matrices` is that. `scattered` makes no matrix: along each axis it adds what g gives to the lower and to
the upper row.

Delicate: the two conventions give the same size. At the far edge i + 1 would be outside; it is the last row
again, and both weights go there and add up. Where the image shrinks, some pixels are read by nobody and get
0.
"""

from typing import Annotated

import torch
from torch import Tensor

from experiments.convolution.conv2d import Pair, pair, pair_from
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(N: int, C: int, image: list[int]) -> Sizes:
    if len(image) != 2:
        raise ValueError(f"shape.image={image}: must be two sizes, as in [4,5]")
    return {"x": (N, C, *image)}


@in_float32
def forward(
    x: Tensor, *, size: Annotated[Pair, pair_from(1, 6, [7, 4], 1)] = 6, align_corners: bool = False
) -> Tensor:
    A, B = (weights(x, axis, n, align_corners) for axis, n in zip((2, 3), pair(size), strict=True))
    return A @ x @ B.mT


def library(x: Tensor, *, size: Pair = 6, align_corners: bool = False) -> Tensor:
    return torch.nn.functional.interpolate(x, pair(size), mode="bilinear", align_corners=align_corners)


@in_float32
def matrices(grad_y: Tensor, x: Tensor, *, align_corners: bool = False) -> Gradients:
    A, B = (weights(x, axis, grad_y.shape[axis], align_corners) for axis in (2, 3))
    return {"x": A.mT @ grad_y @ B}


@in_float32
def scattered(grad_y: Tensor, x: Tensor, *, align_corners: bool = False) -> Gradients:
    grad = grad_y
    for axis in (2, 3):
        lower, upper, f = places(x, axis, grad_y.shape[axis], align_corners)
        f = f if axis == 3 else f[:, None]
        size = [*grad.shape[:axis], x.shape[axis], *grad.shape[axis + 1 :]]
        parts = grad.new_zeros(size).index_add_(axis, lower, (1 - f) * grad)
        grad = parts.index_add_(axis, upper, f * grad)
    return {"x": grad}


def weights(x: Tensor, axis: int, n: int, align_corners: bool) -> Tensor:
    """Return the matrix that resizes an axis to n: (n, x.shape[axis])."""
    lower, upper, f = places(x, axis, n, align_corners)
    pixels = torch.arange(x.shape[axis], device=x.device)
    return (lower[:, None] == pixels) * (1 - f[:, None]) + (upper[:, None] == pixels) * f[:, None]


def places(x: Tensor, axis: int, n: int, align_corners: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return i, i + 1 and f of each new pixel: (n) each."""
    old, new = x.shape[axis], torch.arange(n, dtype=torch.float64, device=x.device)
    place = new * ((old - 1) / max(n - 1, 1)) if align_corners else ((new + 0.5) * old / n - 0.5).clamp(min=0)
    lower = place.floor().clamp(max=old - 1)
    return lower.long(), (lower.long() + 1).clamp(max=old - 1), (place - lower).to(x.dtype)


register(
    gradients=[matrices, scattered],
    edges={
        "empty_batch": Edge.empty("N"),
        "one_pixel": Edge(shape={"image": [1, 1]}),
        "same_size": Edge(shape={"image": [6, 6]}, params={"size": 6}),
        "shrunk_to_one": Edge(params={"size": 1}),
    },
    example=Example(shape={"N": 2, "C": 3, "image": [4, 5]}, params={"size": [7, 4]}),
    latex=r"y = A x B^\top,\quad \nabla_x L = A^\top g\, B",
    source="Press et al., Numerical Recipes (2007), section 3.6.1; conventions: PyTorch, interpolate",
)
