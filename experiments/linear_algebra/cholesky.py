r"""Cholesky factor of a symmetric positive definite matrix: A = L L', with L lower triangular.

    A: (n, n)   L: (n, n)   G = dl/dL, where l is the loss: (n, n)

From dA = dL L' + L dL' follows L^-1 dA L^-T = L^-1 dL + (L^-1 dL)'. Of these two terms the first is
lower triangular and the second its transpose, so the first is what Phi takes of the sum: the lower
triangle, with half the diagonal.

    dL = L Phi(L^-1 dA L^-T)

Phi is its own adjoint, <X, Phi(Y)> = <Phi(X), Y>, and each factor moves to the other side transposed:

    dl/dA = sym(L^-T Phi(L' G) L^-1),     sym(M) = (M + M') / 2     (n, n)

`murray` computes that by two triangular solves. Phi(L' G) reads only the lower triangle of G, as it
must: L is zero above the diagonal whatever A is.

`unblocked` reverses the algorithm. Let K be the columns that are known, from row j down, and r their row
j. They make column j of L, with d on the diagonal and c below it, out of that of A:

    s = A_j - K r',     d = sqrt(s_0),     c = s_1.. / d

For the last column first, the gradients go through these lines from right to left:

    g_s1.. = g_c / d,     g_s0 = (g_d - g_c' c / d) / (2 d),     g_r -= g_s' K,     g_K -= g_s r

Convention: A_ij and A_ji are one number, and the gradient credits each with half of its effect, as that
of torch.linalg.cholesky does. The algorithm alone reads one triangle, which autograd would credit with
all of it; so the forward symmetrises A first.

Delicate: near a singular A the gradient grows without bound; solves keep digits that inverses lose. An A
that is not positive definite has no factor and raises LinAlgError. PyTorch has no kernels for any of this
in half precision; such an experiment fails, and says so.
"""

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, register

LinAlgError = torch.linalg.LinAlgError  # type: ignore[attr-defined]


def shapes(n: int) -> Sizes:
    return {"A": (n, n)}


def sample(rng: Draw, n: int) -> dict[str, Tensor]:
    B = rng.normal((n, n))
    return {"A": sym(B @ B.T / n + torch.eye(n))}


def forward(A: Tensor) -> Tensor:
    A = sym(A)
    L = A[:, :0]
    for j in range(len(A)):
        column = A[:, j] - L @ L[j]
        if not column[j] > 0:
            raise LinAlgError(f"A is not positive definite: pivot {j} is {column[j]:g}")
        L = torch.cat([L, (column / column[j].sqrt())[:, None]], dim=1)
    return L.tril()  # above the diagonal there is nothing but rounding


def library(A: Tensor) -> Tensor:
    L: Tensor = torch.linalg.cholesky(A)
    return L


def murray(grad_L: Tensor, L: Tensor) -> Gradients:
    M = torch.linalg.solve_triangular(L.mT, phi(L.mT @ grad_L), upper=True)  # L^-T Phi(L' G)
    return {"A": sym(torch.linalg.solve_triangular(L, M, upper=False, left=False))}


def unblocked(grad_L: Tensor, L: Tensor) -> Gradients:
    grad = grad_L.tril()  # becomes that of A, column by column
    for j in reversed(range(len(L))):
        d, c, K = L[j, j], L[j + 1 :, j], L[j:, :j]
        s = grad[j:, j].clone()
        grad[j:, j] = s = torch.cat([(s[:1] - s[1:] @ c / d) / 2, s[1:]]) / d  # g_s
        grad[j, :j] -= s @ K  # g_r
        grad[j:, :j] -= torch.outer(s, K[0])  # g_K
    return {"A": sym(grad)}


def phi(M: Tensor) -> Tensor:
    return M.tril() - M.diag().diag() / 2


def sym(M: Tensor) -> Tensor:
    return (M + M.mT) / 2


def shifted(A: Tensor, smallest: float) -> dict[str, Tensor]:
    """Move the eigenvalues of A until the smallest has the value given."""
    eye = torch.eye(len(A), dtype=A.dtype, device=A.device)
    return {"A": A + (smallest - torch.linalg.eigvalsh(A)[0]) * eye}


register(
    gradients=[murray, unblocked],
    outputs=("L",),
    edges={
        "one_by_one": Edge(shape={"n": 1}),
        "near_singular": Edge(inputs=lambda A: shifted(A, 1e-6)),
        "indefinite": Edge(inputs=lambda A: shifted(A, -1), raises=LinAlgError),
    },
    example=Example(shape={"n": 7}, distribution="uniform"),
    latex=r"A = L L^\top,\quad \nabla_A \ell = \mathrm{sym}(L^{-\top} \Phi(L^\top G) L^{-1})",
    source="Murray, Differentiation of the Cholesky decomposition (2016), sections 3 and 4",
)
