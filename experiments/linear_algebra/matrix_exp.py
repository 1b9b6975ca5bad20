r"""Exponential of a matrix: Y = exp(A) = 1 + A + A^2/2 + A^3/6 + ...

    A, Y: (n, n)   G = dL/dY: (n, n)

Powers do not commute with dA: d(A^2) = dA A + A dA. But they do so in blocks, as for every power series f

    f([[A, E], [0, A]]) = [[f(A), Df(E)], [0, f(A)]]

with Df(E), the derivative at A in the direction E. Moved to the other side, E becomes G and A its transpose:

    dL/dA = upper right block of exp([[A', G], [0, A']])     (n, n)

Delicate: exp(A) G is right where A and G commute, as for n = 1. G is divided by its largest number before
it joins A', so that it does not decide how often the exponential is scaled and squared. In half
precision the squares are not finite, or off; it is computed in float32.
"""

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register


def shapes(n: int) -> Sizes:
    return {"A": (n, n)}


def sample(rng: Draw, n: int) -> dict[str, Tensor]:
    return {"A": rng.normal((n, n)) / max(n, 1) ** 0.5}


@in_float32
def forward(A: Tensor) -> Tensor:
    return torch.matrix_exp(A)


@in_float32
def block(grad_Y: Tensor, A: Tensor) -> Gradients:
    size = grad_Y.abs().amax()
    size = size.masked_fill(size == 0, 1)
    n, zero = len(A), torch.zeros_like(A)
    upper, lower = torch.cat([A.mT, grad_Y / size], dim=1), torch.cat([zero, A.mT], dim=1)
    return {"A": size * torch.matrix_exp(torch.cat([upper, lower]))[:n, n:]}


register(
    gradients=[block],
    outputs=("Y",),
    edges={
        "one_by_one": Edge(shape={"n": 1}),
        "zeros": Edge.zeros("A"),
        "nilpotent": Edge(inputs=lambda A: {"A": A.triu(1)}),
    },
    example=Example(shape={"n": 5}),
    latex=r"Y = e^A,\quad "
    r"\nabla_A L = \left[\exp \begin{pmatrix} A^\top & G \\ 0 & A^\top \end{pmatrix}\right]_{12}",
    source="Mathias (1996); Higham, Functions of Matrices (2008), theorem 3.6",
)
