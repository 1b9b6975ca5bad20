r"""Trace of a matrix: y = sum_i A_ii.

    A: (m, n)   y, g = dL/dy: ()

    dy/dA_ij = [i = j]     dL/dA = g I     (m, n), ones on the main diagonal, as long as the shorter side

With it, matrix calculus is written in inner products: <A, B> = tr(A' B).

Delicate: a matrix that is not square has a main diagonal too.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(m: int, n: int) -> Sizes:
    return {"A": (m, n)}


@in_float32
def forward(A: Tensor) -> Tensor:
    return A.diagonal().sum()


def identity(grad_y: Tensor, A: Tensor) -> Gradients:
    dA = torch.zeros_like(A)
    dA.diagonal()[:] = grad_y
    return {"A": dA}


register(
    gradients=[identity],
    edges={"no_rows": Edge.empty("m"), "one_column": Edge(shape={"n": 1})},
    example=Example(shape={"m": 5, "n": 7}),
    latex=r"y = \mathrm{tr} A,\quad \nabla_A L = g\, I",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 99",
)
