r"""Outer product of two vectors: Y = a b'.

    a: (m)   b: (n)   Y, G = dL/dY: (m, n)

From Y_ij = a_i b_j follows

    dL/da_i = sum_j G_ij b_j     dL/da = G b      (m)
    dL/db_j = sum_i G_ij a_i     dL/db = G' a     (n)

Delicate: for m = n only the numbers show which of the two is transposed.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, register


def shapes(m: int, n: int) -> Sizes:
    return {"a": (m,), "b": (n,)}


def forward(a: Tensor, b: Tensor) -> Tensor:
    return a[:, None] * b


def library(a: Tensor, b: Tensor) -> Tensor:
    return torch.outer(a, b)


def products(grad_Y: Tensor, a: Tensor, b: Tensor) -> Gradients:
    return {"a": grad_Y @ b, "b": grad_Y.T @ a}


register(
    gradients=[products],
    outputs=("Y",),
    edges={"empty": Edge.empty("m"), "one_number": Edge(shape={"m": 1, "n": 1})},
    example=Example(shape={"m": 5, "n": 7}),
    latex=r"Y = a b^\top,\quad \nabla_a L = G b,\quad \nabla_b L = G^\top a",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 70",
)
