r"""Solution of linear equations: A X = B.

    A: (n, n)   B, X: (n, k)   G = dL/dX: (n, k)

From dA X + A dX = dB follows dX = A^-1 (dB - dA X). With dL = <G, dX>, A^-1 moves to the other side
transposed:

    dL/dB = A^-T G            (n, k), one more solution, of A' Y = G
    dL/dA = -dL/dB X'         (n, n)

`by_solving` is that, and keeps X. `by_inverse` forms the inverse first, three times the work of a solution.

Delicate: an inverse has errors of its own, in the worst directions of A, where a solution of the equations
may have none. A singular A raises LinAlgError; near it the gradient by A grows with the square of A^-1.
PyTorch has no kernels for any of this in half precision.
"""

import math

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, register

LinAlgError = torch.linalg.LinAlgError  # type: ignore[attr-defined]


def shapes(n: int, k: int) -> Sizes:
    return {"A": (n, n), "B": (n, k)}


def sample(rng: Draw, n: int) -> dict[str, Tensor]:
    return {"A": far_from_singular(rng, n)}


def far_from_singular(rng: Draw, n: int) -> Tensor:
    noise = rng.normal((n, n)) / (2 * math.sqrt(n))
    return noise + 2 * torch.eye(n, dtype=torch.float64)


def forward(A: Tensor, B: Tensor) -> Tensor:
    X: Tensor = torch.linalg.solve(A, B)
    return X


def by_solving(grad_X: Tensor, X: Tensor, A: Tensor) -> Gradients:
    grad_B = torch.linalg.solve(A.mT, grad_X)
    return {"A": -grad_B @ X.mT, "B": grad_B}


def by_inverse(grad_X: Tensor, X: Tensor, A: Tensor) -> Gradients:
    grad_B = torch.linalg.inv(A).mT @ grad_X
    return {"A": -grad_B @ X.mT, "B": grad_B}


register(
    gradients=[by_solving, by_inverse],
    outputs=("X",),
    edges={
        "one_by_one": Edge(shape={"n": 1}),
        "no_right_hand_side": Edge.empty("k"),
        "singular": Edge.zeros("A", raises=LinAlgError),
    },
    example=Example(shape={"n": 6, "k": 3}),
    latex=r"A X = B,\quad \nabla_B L = A^{-\top} G,\quad \nabla_A L = -(\nabla_B L)\, X^\top",
    source="Giles, An extended collection of matrix derivative results (2008), section 2.3.1",
)
