r"""Convolution of sequences, one step of the filter at a time: y_t = sum_k W_k x_t+k.

    x: (N, C, L)   W: (O, C, K)   b: (O)   y, g = dL/dy: (N, O, T)

With x padded by zeros, s = stride and d = dilation,

    y_t = b + sum_k W_k x_{s t + d k}          W_k: (O, C), the filter's k-th step

is a sum of K matrix products, each with x seen through a stride. So are the gradients:

    dL/dW_k = sum_nt g_t x_{s t + d k}'                      (O, C)
    dL/dx_j = sum of W_k' g_t over t, k with s t + d k = j   (C)
    dL/db   = sum_nt g_t                                     (O)

dL/dx is written into the same strided views that the forward read, one k after the other.

Delicate: two steps of the filter write to the same place, so they are added. What the last window leaves
over of x gets 0. `causal` pads on the left alone, so that y_t sees nothing later than x_t; T is then L for
stride 1.
"""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, integer, register


def shapes(
    N: int, C: int, O: int, L: int, K: int,
    *, stride: int = 1, padding: int = 0, dilation: int = 1, causal: bool = False,
) -> Sizes:  # fmt: skip
    left, right = margins(K, padding, dilation, causal)
    if dilation * (K - 1) + 1 > L + left + right:
        raise ValueError(
            f"shape.K={K} spans {dilation * (K - 1) + 1} steps with params.dilation={dilation}; "
            f"shape.L={L} with its padding has only {L + left + right}"
        )
    return {"x": (N, C, L), "W": (O, C, K), "b": (O,)}


@in_float32
def forward(
    x: Tensor, W: Tensor, b: Tensor, *,
    stride: Annotated[int, integer(1, 1, 2)] = 1,
    padding: Annotated[int, integer(0, 0, 2)] = 0,
    dilation: Annotated[int, integer(1, 1, 2)] = 1,
    causal: bool = False,
) -> Tensor:  # fmt: skip
    padded = functional.pad(x, margins(W.shape[2], padding, dilation, causal))
    views = seen_by_step(padded, W.shape[2], stride, dilation)
    return b[:, None] + sum(W[:, :, k] @ view for k, view in enumerate(views))


def library(
    x: Tensor, W: Tensor, b: Tensor,
    *, stride: int = 1, padding: int = 0, dilation: int = 1, causal: bool = False,
) -> Tensor:  # fmt: skip
    padded = functional.pad(x, margins(W.shape[2], padding, dilation, causal))
    return functional.conv1d(padded, W, b, stride, 0, dilation)


@in_float32
def step_by_step(
    grad_y: Tensor, x: Tensor, W: Tensor, b: Tensor,
    *, stride: int = 1, padding: int = 0, dilation: int = 1, causal: bool = False,
) -> Gradients:  # fmt: skip
    left, right = margins(W.shape[2], padding, dilation, causal)
    padded, grad_W = functional.pad(x, (left, right)), torch.zeros_like(W)
    grad_padded = torch.zeros_like(padded)
    views = seen_by_step(padded, W.shape[2], stride, dilation)
    grads = seen_by_step(grad_padded, W.shape[2], stride, dilation)
    for k, (view, grad) in enumerate(zip(views, grads, strict=True)):
        grad_W[:, :, k] = torch.einsum("not,nct->oc", grad_y, view)
        grad += W[:, :, k].T @ grad_y
    return {"x": grad_padded[..., left : left + x.shape[2]], "W": grad_W, "b": grad_y.sum(dim=(0, 2))}


def margins(K: int, padding: int, dilation: int, causal: bool) -> tuple[int, int]:
    """Return how many zeros stand before and after x."""
    return (dilation * (K - 1), 0) if causal else (padding, padding)


def seen_by_step(padded: Tensor, K: int, stride: int, dilation: int) -> Iterator[Tensor]:
    """Yield for each step of the filter a view of what it is multiplied with: (N, C, T)."""
    places = padded.unfold(2, dilation * (K - 1) + 1, stride)  # (N, C, T, span)
    for k in range(K):
        yield places[..., dilation * k]


register(
    gradients=[step_by_step],
    edges={
        "empty_batch": Edge.empty("N"),
        "one_step": Edge(shape={"K": 1}),
        "filter_as_long_as_x": Edge(shape={"L": 5, "K": 5}, params={"dilation": 1}),
        "left_over": Edge(shape={"L": 10, "K": 2}, params={"stride": 4, "dilation": 1}),
    },
    example=Example(
        shape={"N": 2, "C": 3, "O": 4, "L": 11, "K": 3}, params={"stride": 2, "padding": 1, "dilation": 2}
    ),
    latex=r"y_t = b + \textstyle\sum_k W_k x_{st + dk},\quad "
    r"\nabla_{W_k} L = \sum_{n,t} g_t x_{st + dk}^\top,"
    r"\quad \nabla_{x_j} L = \sum_{st + dk = j} W_k^\top g_t",
    source="Dumoulin and Visin, A guide to convolution arithmetic (2016); causal: van den Oord et al. (2016)",
)
