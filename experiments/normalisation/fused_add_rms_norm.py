r"""Residual addition and normalisation in one: s = x + residual, y = rms_norm(s).

    x, residual: (..., n)   w: (n)   s, y: (..., n)   rstd: (..., 1)   Gs = dL/ds, Gy = dL/dy: (..., n)

Both are handed on: y to the next layer, s as the residual of the next addition. So s reaches the loss by
itself and through y, and its gradient collects both; the addition passes it to each of its terms unchanged:

    ds    = Gs + rms_norm's gradient of Gy     (..., n)
    dL/dx = dL/dresidual = ds                  (..., n)
    dL/dw = sum over rows of Gy * s rstd       (n)

Delicate: a backward that takes Gs for zero is right until the residual stream is used again, which in a
network it always is. The two gradients are equal: they are one tensor here, and who adds to one of them in
place must copy it first. In half precision s is rounded once, when it is handed on; y is made of what was
not rounded.

`saved_rstd` keeps s and one number a row, `recomputed` keeps s alone.
"""

from typing import Annotated

from torch import Tensor

from experiments.normalisation import rms_norm
from runner.formula import Edge, Example, Gradients, Sizes, at_least, in_float32, register


def shapes(batch: list[int], n: int) -> Sizes:
    return {"x": (*batch, n), "residual": (*batch, n), "w": (n,)}


@in_float32(saved=("rstd",))
def forward(
    x: Tensor, residual: Tensor, w: Tensor, *, eps: Annotated[float, at_least(0, 1e-6, 0.1)] = 1e-6
) -> dict[str, Tensor]:
    s = x + residual
    return {"s": s, **rms_norm.forward(s, w, eps=eps)}


def library(x: Tensor, residual: Tensor, w: Tensor, *, eps: float) -> dict[str, Tensor]:
    s = x + residual
    return {"y": rms_norm.library(s, w, eps=eps, offset=0.0), "s": s}


@in_float32
def saved_rstd(
    grad_y: Tensor, grad_s: Tensor, s: Tensor, rstd: Tensor, x: Tensor, residual: Tensor, w: Tensor
) -> Gradients:
    of_norm = rms_norm.saved_rstd(grad_y, rstd, s, w)
    ds = grad_s + of_norm["x"]
    return {"x": ds, "residual": ds, "w": of_norm["w"]}


@in_float32
def recomputed(
    grad_y: Tensor, grad_s: Tensor, s: Tensor, x: Tensor, residual: Tensor, w: Tensor, *, eps: float
) -> Gradients:
    return saved_rstd(grad_y, grad_s, s, rms_norm.reciprocal_rms(s, eps), x, residual, w)


register(
    gradients=[saved_rstd, recomputed],
    outputs=("y", "s"),
    edges={
        "no_rows": Edge.empty("batch"),
        "one_number": Edge(shape={"n": 1}),
        "nothing_added": Edge.zeros("residual"),
        "cancelled": Edge(inputs=lambda x: {"residual": -x}),
    },
    example=Example(shape={"batch": [2, 3], "n": 7}),
    latex=r"s = x + r,\ y = \mathrm{rms\_norm}(s),\quad \nabla_x L = \nabla_r L = G_s + J_s^\top G_y",
    source="Hsu et al., Liger Kernel (2024); Zhang and Sennrich (2019)",
)
