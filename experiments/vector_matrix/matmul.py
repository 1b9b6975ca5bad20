r"""Product of two tensors of matrices, as torch.matmul understands it: Y = A B.

    A: (..., m, k)   B: (..., k, n)   Y: (..., m, n)   G = dL/dY: (..., m, n)

From dY = dA B + A dB and dL = <G, dY>, and because <G, dA B> = <G B', dA>,

    dL/dA = G B'     (..., m, k)
    dL/dB = A' G     (..., k, n)

Two conventions hide further steps, and each has its own gradient.

Broadcasting. Leading dimensions that are absent or 1 in an operand are repeated, so that one matrix is
used many times. Its gradient is the sum over all uses: over every batch dimension that G has and the
operand has not, or has as 1.

Promotion. A of one dimension is a row (1, k), B of one dimension a column (k, 1), and the dimension of
size 1 is dropped from Y. The backward puts it back into G first and drops it from the gradient last.

An empty k makes Y a sum over nothing, all zeros; an operand broadcast over an empty batch is never used,
and its gradient is zero as well.
"""

from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(a: list[int], b: list[int]) -> Sizes:
    given = f"shape.a={a}, shape.b={b}"
    if not a or not b:
        raise ValueError(f"{given}: each needs one dimension or more")
    if a[-1] != b[-2:][0]:
        raise ValueError(f"{given}: k is {a[-1]} in a and {b[-2:][0]} in b; must be the same in both")
    for p, q in zip(reversed(a[:-2]), reversed(b[:-2]), strict=False):
        if p != q and 1 not in (p, q):
            raise ValueError(f"{given}: batch sizes {p} and {q} must be equal, or one of them 1")
    return {"A": tuple(a), "B": tuple(b)}


def forward(A: Tensor, B: Tensor) -> Tensor:
    return A @ B


@in_float32
def product(grad_Y: Tensor, A: Tensor, B: Tensor) -> Gradients:
    G, rows, columns = as_matrices(grad_Y, A, B)
    grad_A = (G @ columns.mT).sum_to_size(rows.shape)
    grad_B = (rows.mT @ G).sum_to_size(columns.shape)
    return {"A": grad_A.reshape(A.shape), "B": grad_B.reshape(B.shape)}


def as_matrices(G: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Put the dimensions of size 1 back that a vector operand lacks, and G with it."""
    if B.ndim == 1:
        B, G = B.unsqueeze(-1), G.unsqueeze(-1)
    if A.ndim == 1:
        A, G = A.unsqueeze(-2), G.unsqueeze(-2)
    return G, A, B


register(
    gradients=[product],
    outputs=("Y",),
    edges={
        "row_times_matrix": Edge(shape={"a": [5], "b": [2, 5, 3]}),
        "matrix_times_column": Edge(shape={"a": [2, 3, 5], "b": [5]}),
        "row_times_column": Edge(shape={"a": [5], "b": [5]}),
        "both_broadcast": Edge(shape={"a": [3, 1, 4, 5], "b": [2, 5, 7]}),
        "empty_k": Edge(shape={"a": [2, 3, 0], "b": [0, 4]}),
        "empty_batch": Edge(shape={"a": [0, 3, 5], "b": [1, 5, 4]}),
    },
    example=Example(shape={"a": [3, 1, 4, 5], "b": [2, 5, 7]}),
    latex=r"Y = A B,\quad \nabla_A L = G B^\top,\quad \nabla_B L = A^\top G",
    source="Giles, An extended collection of matrix derivative results (2008), section 2.2",
)
