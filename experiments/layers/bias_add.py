r"""Adding one bias to every row: y = x + b.

    x: (..., n)   b: (n)   y: (..., n)   g = dL/dy: (..., n)

    dL/dx = g                        (..., n)
    dL/db = sum over rows of g       (n)

b is used once for every row, and its gradient is the sum over all uses.

Delicate: autograd's engine adds up what a `torch.autograd.Function` returns in too many dimensions, so that
a forgotten sum is never seen there; called by itself, such a gradient has the wrong shape. The sum over
rows is long, and half precision keeps it in float32. dL/dx is g itself, the same memory: who adds to it in
place changes both.
"""

from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, register


def shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n), "b": (n,)}


def forward(x: Tensor, b: Tensor) -> Tensor:
    return x + b


def summed(grad_y: Tensor, b: Tensor) -> Gradients:
    return {"x": grad_y, "b": grad_y.sum_to_size(b.shape)}


register(
    gradients=[summed],
    edges={"no_rows": Edge.empty("batch"), "one_row": Edge(shape={"batch": []})},
    example=Example(shape={"batch": [2, 3], "n": 5}),
    latex=r"y = x + b,\quad \nabla_b L = \textstyle\sum_r g_r",
    source="Goodfellow, Bengio and Courville, Deep Learning (2016), section 6.5",
)
