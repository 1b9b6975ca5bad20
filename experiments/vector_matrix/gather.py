r"""Gather along the last dimension: y_ij = x_i,index_ij.

    x: (m, n)   index: (m, k)   y, g = dL/dy: (m, k)

Each y is a copy of one x, which may be copied often or never:

    dL/dx_ic = sum of g_ij over j with index_ij = c     (m, n)

`scattered` adds each g to its place, `one_hot` multiplies g with the matrix that says which copy is whose.

Delicate: equal indices add up, and do not overwrite each other. A sum of many terms in half precision stops
growing, in bfloat16 at 256 ones; it is kept in float32. On a GPU the order of the additions is not fixed.
An index outside raises RuntimeError, a negative one too.
"""

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register


def shapes(m: int, n: int, k: int) -> Sizes:
    return {"x": (m, n), "index": (m, k)}


def sample(rng: Draw, m: int, n: int, k: int) -> dict[str, Tensor]:
    return {"index": rng.integers((m, k), 0, n)}


def forward(x: Tensor, index: Tensor) -> Tensor:
    return x.gather(1, index)


@in_float32
def scattered(grad_y: Tensor, x: Tensor, index: Tensor) -> Gradients:
    return {"x": torch.zeros_like(x).scatter_add_(1, index, grad_y)}


@in_float32
def one_hot(grad_y: Tensor, x: Tensor, index: Tensor) -> Gradients:
    copies = index[:, :, None] == torch.arange(x.shape[1], device=x.device)  # (m, k, n)
    return {"x": (grad_y[:, None, :] @ copies.to(grad_y.dtype))[:, 0]}


register(
    gradients=[scattered, one_hot],
    edges={
        "no_rows": Edge.empty("m"),
        "nothing_picked": Edge.empty("k"),
        "all_the_same": Edge.zeros("index"),
        "negative_index": Edge.filled("index", -1, raises=RuntimeError),
    },
    example=Example(shape={"m": 5, "n": 7, "k": 9}),
    latex=r"y_{ij} = x_{i, t_{ij}},\quad \nabla_{x_{ic}} L = \textstyle\sum_{j:\, t_{ij} = c} g_{ij}",
    source="PyTorch, gather and its derivative in derivatives.yaml",
)
