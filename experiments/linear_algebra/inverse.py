r"""Inverse of a matrix: Y = A^-1.

    A, Y: (n, n)   G = dL/dY: (n, n)

From dA Y + A dY = 0 follows dY = -Y dA Y. With dL = <G, dY>, each factor moves to the other side transposed:

    dL/dA = -Y' G Y'     (n, n)

`saved_inverse` multiplies by the Y that it kept; `by_solving` solves with A twice.

Delicate: the gradient has Y twice, so near a singular A it grows with the square of Y, and its error with
the cube. A singular A raises LinAlgError. PyTorch has no kernels for this in half precision.
"""

import torch
from torch import Tensor

from experiments.linear_algebra import solve
from runner.formula import Draw, Edge, Example, Gradients, Sizes, register


def shapes(n: int) -> Sizes:
    return {"A": (n, n)}


def sample(rng: Draw, n: int) -> dict[str, Tensor]:
    return solve.sample(rng, n)


def forward(A: Tensor) -> Tensor:
    return solve.forward(A, torch.eye(len(A), dtype=A.dtype, device=A.device))


def library(A: Tensor) -> Tensor:
    Y: Tensor = torch.linalg.inv(A)
    return Y


def saved_inverse(grad_Y: Tensor, Y: Tensor) -> Gradients:
    return {"A": -Y.mT @ grad_Y @ Y.mT}


def by_solving(grad_Y: Tensor, A: Tensor) -> Gradients:
    left = torch.linalg.solve(A.mT, grad_Y)  # A^-T G
    return {"A": -torch.linalg.solve(A.mT, left, left=False)}


register(
    gradients=[saved_inverse, by_solving],
    outputs=("Y",),
    edges={
        "one_by_one": Edge(shape={"n": 1}),
        "singular": Edge.zeros("A", raises=solve.LinAlgError),
    },
    example=Example(shape={"n": 6}),
    latex=r"Y = A^{-1},\quad \nabla_A L = -Y^\top G\, Y^\top",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 59",
)
