r"""Logarithm of the size of a determinant: y = log |det A|.

    A: (n, n)   y, g = dL/dy: ()

The determinant is linear in each entry, det A = sum_j A_ij C_ij, with the cofactor C_ij as its slope; and
A^-1 = C' / det A. So

    ddet/dA = det(A) A^-T     dL/dA = g A^-T     (n, n)

Delicate: det itself over- and underflows, as a product of n pivots; its logarithm is a sum. A singular A
has y = -inf and no gradient; what comes back is infinite or NaN. A negative determinant is as good as a
positive one here. PyTorch has no kernels for this in half precision.
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
    _, _, upper = torch.linalg.lu(A)
    pivots: Tensor = upper.diagonal()
    return pivots.abs().log().sum()


def library(A: Tensor) -> Tensor:
    y: Tensor = torch.linalg.slogdet(A).logabsdet
    return y


def transposed_inverse(grad_y: Tensor, A: Tensor) -> Gradients:
    return {"A": grad_y * torch.linalg.inv(A).mT}


register(
    gradients=[transposed_inverse],
    edges={
        "one_by_one": Edge(shape={"n": 1}),
        "negative": Edge(inputs=lambda A: {"A": torch.cat([-A[:1], A[1:]])}),
        "tiny": Edge.scaled("A", 1e-30),
    },
    example=Example(shape={"n": 6}),
    latex=r"y = \log |\det A|,\quad \nabla_A L = g\, A^{-\top}",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 57",
)
