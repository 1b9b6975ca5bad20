r"""Largest number along the last dimension, ties shared: y = max_k x_k.

    x: (..., n)   y, g = dL/dy: (...)

y moves with the one x that is largest. Where several are, any way to share g among them is a subgradient; the
convention is equal shares:

    dL/dx_k = g [x_k = y] / (number of k with x_k = y)     (..., n)

Delicate: torch.max(x, dim), which returns an index too, gives all of g to the one of that index, though its
values are the same as those of torch.amax. NaN is the largest of all, and equal to none: its row is NaN and
gets 0/0.
"""

from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n)}


def forward(x: Tensor) -> Tensor:
    return x.amax(dim=-1)


@in_float32
def equal_shares(grad_y: Tensor, y: Tensor, x: Tensor) -> Gradients:
    largest = (x == y[..., None]).to(x.dtype)
    return {"x": grad_y[..., None] * largest / largest.sum(dim=-1, keepdim=True)}


register(
    gradients=[equal_shares],
    edges={
        "empty_batch": Edge.empty("batch"),
        "one_number": Edge(shape={"n": 1}),
        "all_equal": Edge.zeros("x", kink=True),
    },
    example=Example(shape={"batch": [3, 2], "n": 7}),
    latex=r"y = \max_k x_k,\quad \nabla_{x_k} L = g\, [x_k = y] / |\{j: x_j = y\}|",
    source="PyTorch, amax and its derivative in derivatives.yaml",
)
