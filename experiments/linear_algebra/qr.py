r"""QR decomposition: A = Q R, with orthonormal columns of Q, and R upper triangular with a positive diagonal.

    A, Q: (m, n), m >= n   R: (n, n)   GQ = dL/dQ: (m, n)   GR = dL/dR: (n, n)

From dA = dQ R + Q dR, with Q'dQ antisymmetric and dR R^-1 upper triangular, C = Q' dA R^-1 splits into the
two: dR R^-1 is its upper triangle, plus the transpose of what is below. Moved to the other side, with

    M = R GR' - GQ' Q     copyltu(M): the lower triangle of M, mirrored to the upper one

    dL/dA = (GQ + Q copyltu(M)) R^-T     (m, n)

Delicate: signs of columns of Q are free, and LAPACK's depend on the numbers; a positive diagonal of R makes
them unique, and the same for every implementation. Columns that depend on each other make R singular and
the gradient infinite. For m < n there is another formula. PyTorch has no kernels for this in half
precision.
"""

import torch
from torch import Tensor

from experiments.linear_algebra import lstsq
from runner.formula import Draw, Edge, Example, Gradients, Sizes, register


def shapes(m: int, n: int) -> Sizes:
    if m < n:
        raise ValueError(f"shape.m={m}: must be at least shape.n={n}")
    return {"A": (m, n)}


def sample(rng: Draw, m: int, n: int) -> dict[str, Tensor]:
    return lstsq.sample(rng, m, n)


def forward(A: Tensor) -> dict[str, Tensor]:
    columns: list[Tensor] = []
    for j in range(A.shape[1]):
        rest = A[:, j]
        for _ in range(2):  # what rounding leaves along the others is taken out once more
            for q in columns:
                rest = rest - q * (q @ rest)
        columns.append(rest / torch.sqrt(rest @ rest))
    Q = torch.stack(columns, dim=1)
    return {"Q": Q, "R": (Q.mT @ A).triu()}


def library(A: Tensor) -> dict[str, Tensor]:
    Q, R = torch.linalg.qr(A)
    signs = torch.sign(R.diagonal())
    return {"Q": Q * signs, "R": signs[:, None] * R}


def mirrored(grad_Q: Tensor, grad_R: Tensor, Q: Tensor, R: Tensor) -> Gradients:
    M = R @ grad_R.mT - grad_Q.mT @ Q
    inner = grad_Q + Q @ (M.tril() + M.tril(-1).mT)
    return {"A": torch.linalg.solve_triangular(R.mT, inner, upper=False, left=False)}


register(
    gradients=[mirrored],
    outputs=("Q", "R"),
    edges={"square": Edge(shape={"m": 4, "n": 4}), "one_column": Edge(shape={"n": 1})},
    example=Example(shape={"m": 6, "n": 4}),
    latex=r"A = Q R,\quad \nabla_A L = (G_Q + Q\, \mathrm{copyltu}(R G_R^\top - G_Q^\top Q))\, R^{-\top}",
    source="Walter and Lehmann, Algorithmic differentiation of linear algebra functions (2018)",
)
