r"""Least squares: the X for which |A X - B| is smallest, where the columns of A are independent.

    A: (m, n), m >= n   B: (m, k)   X: (n, k)   G = dL/dX: (n, k)

X solves the normal equations A'A X = A'B. With the residual R = B - A X, of which A'R = 0, their
differential is

    A'A dX = A' dB - A' dA X + dA' R

so that, with M = (A'A)^-1 G,

    dL/dB = A M                      (m, k)
    dL/dA = -A M X' + R M'           (m, n)

The second term of dL/dA vanishes where the equations can be solved, R = 0, as in any test whose B was made
as A X.

Delicate: A'A has the square of A's condition and is never formed. With A = Q T, Q'Q = 1 and T triangular, X
= T^-1 Q'B, and M = T^-1 T^-T G. PyTorch has no kernels for this in half precision.
"""

import math

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, register


def shapes(m: int, n: int, k: int) -> Sizes:
    if m < n:
        raise ValueError(f"shape.m={m}: must be at least shape.n={n}; else many X are equally good")
    return {"A": (m, n), "B": (m, k)}


def sample(rng: Draw, m: int, n: int) -> dict[str, Tensor]:
    return {"A": independent_columns(rng, m, n)}


def independent_columns(rng: Draw, m: int, n: int) -> Tensor:
    noise = rng.normal((m, n)) / (2 * math.sqrt(m))
    return noise + 2 * torch.eye(m, n, dtype=torch.float64)


def forward(A: Tensor, B: Tensor) -> Tensor:
    Q, T = torch.linalg.qr(A)
    X: Tensor = torch.linalg.solve_triangular(T, Q.mT @ B, upper=True)
    return X


def library(A: Tensor, B: Tensor) -> Tensor:
    X: Tensor = torch.linalg.lstsq(A, B).solution
    return X


def two_terms(grad_X: Tensor, X: Tensor, A: Tensor, B: Tensor) -> Gradients:
    Q, T = torch.linalg.qr(A)
    half = torch.linalg.solve_triangular(T.mT, grad_X, upper=False)  # T^-T G
    M = torch.linalg.solve_triangular(T, half, upper=True)
    grad_B = Q @ half
    return {"A": -grad_B @ X.mT + (B - A @ X) @ M.mT, "B": grad_B}


register(
    gradients=[two_terms],
    outputs=("X",),
    edges={
        "square": Edge(shape={"m": 4, "n": 4}),
        "one_column": Edge(shape={"n": 1}),
        "no_residual": Edge(shape={"k": 3}, inputs=lambda A: {"B": A[:, :1].expand(-1, 3)}),
    },
    example=Example(shape={"m": 7, "n": 4, "k": 3}),
    latex=r"X = \arg\min \lVert A X - B \rVert,\quad \nabla_B L = A M,\quad "
    r"\nabla_A L = -A M X^\top + R M^\top",
    source="Golub and Pereyra, The differentiation of pseudo-inverses (1973)",
)
