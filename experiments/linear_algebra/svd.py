r"""Singular value decomposition, the thin one: A = U diag(s) V', s falling, k = min(m, n).

    A: (m, n)   U: (m, k)   s: (k)   V: (n, k)   GU, gs, GV: upstream, of the same sizes

dA = dU S V' + U dS V' + U S dV', between U' and V, has dU = U X + (I - U U') dU with an antisymmetric X, and
dV likewise with Y. The diagonal of U' dA V is ds, the rest is X S - S Y, of which its transpose is a second
equation for the same X and Y. Moved to the other side, with M = U'GU - GU'U and N = V'GV - GV'V,

    dL/dA = U (diag(gs) + H) V' + (I - U U') GU S^-1 V' + U S^-1 GV' (I - V V')
    H_ij  = (M_ij s_j + s_i N_ij) / (s_j^2 - s_i^2), and 0 for i = j                    (k, k)

The second term is zero unless m > n, the third unless n > m: the directions outside of U or of V.

`by_squares` is that. With s_j^2 - s_i^2 = (s_j - s_i) (s_j + s_i), `by_sums_and_differences` splits H:

    H_ij = 1/2 ((M + N)_ij / (s_j - s_i) + (M - N)_ij / (s_j + s_i))

Squares that are close have lost what told them apart; differences of the values have not. It shows too what
is singular at equal values: only M + N, which is zero for whatever does not change as both vectors of each
turn alike, as the polar factor U V' or the sum of s.

Gauge: u_i and v_i are known up to a common sign, which LAPACK may choose otherwise tomorrow. The forward
makes the largest entry of u_i positive; a sign is constant, and the gradient does not see it.

Delicate: equal values have planes of vectors and no derivative, close ones lose digits; a value of 0 where
m and n differ divides by 0. PyTorch has no kernels for this in half precision.
"""

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, register


def shapes(m: int, n: int) -> Sizes:
    return {"A": (m, n)}


def sample(rng: Draw, m: int, n: int) -> dict[str, Tensor]:
    """Draw a matrix whose singular values are about 1 apart, and 1 from zero."""
    k = min(m, n)
    spread = torch.zeros(m, n, dtype=torch.float64)
    spread.diagonal().copy_(torch.arange(1, k + 1))
    return {"A": spread + 0.3 * rng.normal((m, n)) / max(m, n) ** 0.5}


def forward(A: Tensor) -> dict[str, Tensor]:
    U, s, Vh = torch.linalg.svd(A, full_matrices=False)
    largest = U.abs().argmax(dim=0, keepdim=True)
    signs = torch.sign(U.gather(0, largest))
    return {"U": U * signs, "s": s, "V": Vh.mT * signs}


def by_squares(grad_U: Tensor, grad_s: Tensor, grad_V: Tensor, U: Tensor, s: Tensor, V: Tensor) -> Gradients:
    M, N = turns(U, grad_U), turns(V, grad_V)
    apart = off_diagonal(s**2 - s[:, None] ** 2)
    return {"A": assembled((M * s + s[:, None] * N) / apart, grad_U, grad_s, grad_V, U, s, V)}


def by_sums_and_differences(
    grad_U: Tensor, grad_s: Tensor, grad_V: Tensor, U: Tensor, s: Tensor, V: Tensor
) -> Gradients:
    M, N = turns(U, grad_U), turns(V, grad_V)
    apart, together = off_diagonal(s - s[:, None]), off_diagonal(s + s[:, None])
    return {"A": assembled(((M + N) / apart + (M - N) / together) / 2, grad_U, grad_s, grad_V, U, s, V)}


def turns(U: Tensor, grad_U: Tensor) -> Tensor:
    """Return U'G - G'U: what L gains as the vectors turn into each other."""
    inner = U.mT @ grad_U
    return inner - inner.mT


def off_diagonal(x: Tensor) -> Tensor:
    """Put infinity on the diagonal, for what is divided by x."""
    return x + torch.full_like(x[0], torch.inf).diag()


def assembled(
    H: Tensor, grad_U: Tensor, grad_s: Tensor, grad_V: Tensor, U: Tensor, s: Tensor, V: Tensor
) -> Tensor:
    outside_U, outside_V = ((grad - B @ (B.mT @ grad)) / s for B, grad in ((U, grad_U), (V, grad_V)))
    inside = U @ (grad_s.diag() + H) @ V.mT
    if len(U) > len(V):
        return inside + outside_U @ V.mT
    return inside + U @ outside_V.mT if len(V) > len(U) else inside


register(
    gradients=[by_squares, by_sums_and_differences],
    outputs=("U", "s", "V"),
    edges={
        "one_by_one": Edge(shape={"m": 1, "n": 1}),
        "square": Edge(shape={"m": 4, "n": 4}),
        "wide": Edge(shape={"m": 3, "n": 6}),
        "one_column": Edge(shape={"n": 1}),
        "singular": Edge(shape={"m": 3, "n": 3}, inputs=lambda A: {"A": A - A[:, :1] * A[:1] / A[0, 0]}),
    },
    example=Example(shape={"m": 6, "n": 4}),
    latex=r"A = U S V^\top,\quad \nabla_A L = U (\mathrm{diag}(g_s) + H) V^\top"
    r" + (I - U U^\top)\, G_U S^{-1} V^\top + U S^{-1} G_V^\top (I - V V^\top)",
    source="Townsend, Differentiating the singular value decomposition (2016), eq. 28 and 29",
)
