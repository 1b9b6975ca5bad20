r"""Quadratic form: f = x' A x.

    x: (n)   A: (n, n)   f: ()   g = upstream of f: ()

x stands on both sides of A, so the product rule gives two terms for dx:

    dL/dx = g (A x + A' x)     (n)
    dL/dA = g x x'             (n, n)

f sees only the symmetric part of A, (A + A')/2, and dL/dA is symmetric accordingly.

Delicate: 2 A x is right for a symmetric A alone. Where A is antisymmetric f is zero, and A x + A' x
cancels; in half precision the sums are in float32.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(n: int) -> Sizes:
    return {"x": (n,), "A": (n, n)}


@in_float32
def forward(x: Tensor, A: Tensor) -> Tensor:
    return x @ A @ x


def library(x: Tensor, A: Tensor) -> Tensor:
    return torch.nn.functional.bilinear(x[None], x[None], A[None])[0, 0]


@in_float32
def product_rule(grad_f: Tensor, x: Tensor, A: Tensor) -> Gradients:
    return {"x": grad_f * (A @ x + A.T @ x), "A": grad_f * torch.outer(x, x)}


register(
    gradients=[product_rule],
    outputs=("f",),
    edges={
        "no_numbers": Edge.empty("n"),
        "one_number": Edge(shape={"n": 1}),
        "antisymmetric": Edge(inputs=lambda A: {"A": A - A.T}),
    },
    example=Example(shape={"n": 7}),
    latex=r"f = x^\top A x,\quad \nabla_x L = g\, (A + A^\top) x,\quad \nabla_A L = g\, x x^\top",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 81",
)
