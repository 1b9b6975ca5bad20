r"""Weight normalisation: the rows of a matrix as length times direction, W = g v / |v|.

    v: (m, n)   g: (m, 1)   W: (m, n)   G = dL/dW: (m, n)   |v|: (m, 1), the length of each row

With the direction u = v / |v| of each row, W = g u and dW = dg u + g du. A direction moves across itself
only: from |v|^2 = v'v follows d|v| = u'dv, and du = (dv - u u'dv) / |v|. So

    dL/dg = <G, u>                       (m, 1), summed over the row
    dL/dv = g / |v| (G - u <G, u>)       (m, n)

dL/dv is orthogonal to v: what would only change the length has gone to g.

Delicate: G - u <G, u> cancels where G points along the row. A row of zeros has no direction: 0/0, NaN, as
in PyTorch. The length is that of v, not of W; both agree only while g = |v|, as right after the start.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(m: int, n: int) -> Sizes:
    return {"v": (m, n), "g": (m, 1)}


@in_float32
def forward(v: Tensor, g: Tensor) -> Tensor:
    return g * v / length(v)


def library(v: Tensor, g: Tensor) -> Tensor:
    return torch._weight_norm(v, g, 0)


@in_float32
def projected(grad_W: Tensor, v: Tensor, g: Tensor) -> Gradients:
    u = v / length(v)
    along = (grad_W * u).sum(dim=1, keepdim=True)
    return {"v": g / length(v) * (grad_W - u * along), "g": along}


def length(v: Tensor) -> Tensor:
    return torch.sqrt((v * v).sum(dim=1, keepdim=True))


register(
    gradients=[projected],
    outputs=("W",),
    edges={
        "no_rows": Edge.empty("m"),
        "one_column": Edge(shape={"n": 1}),
        "row_of_zeros": Edge.zeros("v"),
        "length_zero": Edge.zeros("g"),
    },
    example=Example(shape={"m": 5, "n": 7}),
    latex=r"W = g\, v / \lVert v \rVert,\quad \nabla_g L = \langle G, u \rangle,\quad "
    r"\nabla_v L = \tfrac{g}{\lVert v \rVert} (G - u \langle G, u \rangle)",
    source="Salimans and Kingma, Weight Normalization (2016), eq. 3",
)
