r"""Eigenvalues of a symmetric matrix, and the squares of its eigenvectors: A = Q diag(l) Q', P = Q * Q.

    A: (n, n)   l: (n), ascending   P: (n, n), an eigenvector's squares in each column   gl, GP: upstream

An eigenvector is known up to its sign, which LAPACK may choose otherwise tomorrow; its squares are not, and
say how much of each coordinate is in it. Of dA Q + A dQ = dQ diag(l) + Q diag(dl), multiplied by Q' from
the left, the diagonal gives dl and the rest Q'dQ = F * (Q' dA Q):

    dl_i = q_i' dA q_i     F_ij = 1 / (l_j - l_i), and 0 for i = j

    dL/dA = sym(Q (diag(gl) + F * (Q' GQ)) Q'),   GQ = 2 Q * GP,   sym(M) = (M + M') / 2

Convention: A_ij and A_ji are one number, as in `cholesky`; the forward symmetrises A.

Delicate: equal eigenvalues have a plane of eigenvectors and no derivative: F is infinite, and so is the
gradient by way of P; that of the values alone is finite. Close ones lose digits. PyTorch has no kernels for
this in half precision.
"""

import torch
from torch import Tensor

from experiments.linear_algebra.cholesky import sym
from runner.formula import Draw, Edge, Example, Gradients, Sizes, register


def shapes(n: int) -> Sizes:
    return {"A": (n, n)}


def sample(rng: Draw, n: int) -> dict[str, Tensor]:
    """Draw a matrix whose eigenvalues are about 1 apart."""
    spread = torch.arange(n, dtype=torch.float64).diag()
    return {"A": spread + 0.3 * sym(rng.normal((n, n))) / max(n, 1) ** 0.5}


def forward(A: Tensor) -> dict[str, Tensor]:
    values, Q = torch.linalg.eigh(sym(A))
    return {"l": values, "P": Q * Q, "Q": Q}


def by_differences(grad_l: Tensor, grad_P: Tensor, l: Tensor, Q: Tensor) -> Gradients:
    F = 1 / (l - l[:, None] + torch.full_like(l, torch.inf).diag())  # 1 / (l_j - l_i), and 0 on the diagonal
    inner = grad_l.diag() + F * (Q.mT @ (2 * Q * grad_P))
    return {"A": sym(Q @ inner @ Q.mT)}


register(
    gradients=[by_differences],
    outputs=("l", "P"),
    saved=("Q",),
    edges={"one_by_one": Edge(shape={"n": 1}), "diagonal": Edge(inputs=lambda A: {"A": A.diag().diag()})},
    example=Example(shape={"n": 5}),
    latex=r"A = Q\, \mathrm{diag}(l)\, Q^\top,\quad "
    r"\nabla_A L = \mathrm{sym}(Q\, (\mathrm{diag}(g_l) + F \odot Q^\top G_Q)\, Q^\top)",
    source="Petersen and Pedersen (2012), eq. 67 and 68; Giles (2008), section 3.1",
)
