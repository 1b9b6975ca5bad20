r"""Broadcasting: y = a * b, where sizes that are 1 or absent are repeated.

    a, b: sizes that are equal, 1 or absent, from the right   y, g = dL/dy: of the larger sizes

A number that is repeated is used several times, and its gradient is the sum over all uses. With sum_to for
the sum over every dimension that an operand has not, or has as 1,

    dL/da = sum_to(g * b)     dL/db = sum_to(g * a)

This is the adjoint of each broadcast in other formulas. PyTorch calls it `sum_to_size`; `by_axis` says how
it goes.

Delicate: dimensions that are absent are dropped by the sum, those of size 1 are kept. Operands without
dimensions are summed to one number. An operand that is repeated no times, over an empty dimension, has the
gradient 0. Long sums are in float32 in half precision.
"""

from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(a: list[int], b: list[int]) -> Sizes:
    for p, q in zip(reversed(a), reversed(b), strict=False):
        if p != q and 1 not in (p, q):
            raise ValueError(f"shape.a={a}, shape.b={b}: {p} and {q} must be equal, or one of them 1")
    return {"a": tuple(a), "b": tuple(b)}


def forward(a: Tensor, b: Tensor) -> Tensor:
    return a * b


@in_float32
def sum_to_size(grad_y: Tensor, a: Tensor, b: Tensor) -> Gradients:
    return {"a": (grad_y * b).sum_to_size(a.shape), "b": (grad_y * a).sum_to_size(b.shape)}


@in_float32
def by_axis(grad_y: Tensor, a: Tensor, b: Tensor) -> Gradients:
    return {"a": summed(grad_y * b, a), "b": summed(grad_y * a, b)}


def summed(grad: Tensor, like: Tensor) -> Tensor:
    """Sum over what `like` has not, or has as 1."""
    absent = [*range(grad.ndim - like.ndim)]
    grad = grad.sum(dim=absent) if absent else grad
    for axis, size in enumerate(like.shape):
        grad = grad.sum(dim=axis, keepdim=True) if size == 1 else grad
    return grad


register(
    gradients=[sum_to_size, by_axis],
    edges={
        "both_repeated": Edge(shape={"a": [3, 1], "b": [1, 4]}),
        "equal_sizes": Edge(shape={"a": [3, 4], "b": [3, 4]}),
        "one_number": Edge(shape={"a": [], "b": [3, 4]}),
        "empty": Edge(shape={"a": [1, 4], "b": [0, 4]}),
    },
    example=Example(shape={"a": [3, 1, 5], "b": [4, 1]}),
    latex=r"y = a \odot b,\quad \nabla_a L = \textstyle\sum_{\mathrm{repeated}} g \odot b",
    source="PyTorch, broadcasting semantics; NumPy, broadcasting",
)
