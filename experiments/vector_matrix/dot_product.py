r"""Dot product of two column vectors: f = w' x.

    x: (n, 1)   w: (n, 1)   f: (1, 1)   g = df: (1, 1)

From f = sum_i w_i x_i follows df/dw_i = x_i and df/dx_i = w_i. In numerator layout df/dw is the
row x'; the gradient has the shape of w and is its transpose, the column x. So

    dL/dw = x g     (n, 1)
    dL/dx = w g     (n, 1)
"""

from torch import Tensor

from runner.formula import Example, Gradients, Sizes, register


def shapes(n: int) -> Sizes:
    return {"x": (n, 1), "w": (n, 1)}


def forward(x: Tensor, w: Tensor) -> Tensor:
    return w.T @ x


def product(grad_f: Tensor, x: Tensor, w: Tensor) -> Gradients:
    return {"w": x * grad_f, "x": w * grad_f}


register(
    gradients=[product],
    outputs=("f",),
    example=Example(shape={"n": 5}),
    latex=r"f = w^\top x,\quad \nabla_w L = x\,g,\quad \nabla_x L = w\,g",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 69",
)
