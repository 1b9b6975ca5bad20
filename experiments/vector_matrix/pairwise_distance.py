r"""Distances between two sets of points: D_ij = |x_i - y_j|.

    x: (m, d)   y: (n, d)   D, G = dL/dD: (m, n)

A distance grows along the line between its points. With w_ij = G_ij / D_ij,

    dL/dx_i = sum_j w_ij (x_i - y_j)      (m, d)
    dL/dy_j = sum_i w_ij (y_j - x_i)      (n, d)

Where two points coincide D has a corner; the convention is that the pair gives nothing, w = 0.

Delicate: |x|^2 + |y|^2 - 2 x'y for D^2 needs no differences, m n d numbers, and cancels where points are
close to each other and far from zero; so do x_i sum_j w_ij - sum_j w_ij y_j for the gradient. Both take
differences here.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(m: int, n: int, d: int) -> Sizes:
    return {"x": (m, d), "y": (n, d)}


@in_float32
def forward(x: Tensor, y: Tensor) -> Tensor:
    squared = (x[:, None] - y).square().sum(dim=-1)
    apart = squared > 0
    return torch.where(apart, torch.sqrt(torch.where(apart, squared, 1)), 0)


def library(x: Tensor, y: Tensor) -> Tensor:
    D: Tensor = torch.linalg.vector_norm(x[:, None] - y, dim=-1)
    return D


@in_float32
def differences(grad_D: Tensor, D: Tensor, x: Tensor, y: Tensor) -> Gradients:
    parts = weights(grad_D, D)[..., None] * (x[:, None] - y)  # (m, n, d)
    return {"x": parts.sum(dim=1), "y": -parts.sum(dim=0)}


def weights(grad_D: Tensor, D: Tensor) -> Tensor:
    """Return G / D, and 0 where points coincide."""
    return torch.where(D > 0, grad_D / D, 0)


register(
    gradients=[differences],
    outputs=("D",),
    edges={
        "no_points": Edge.empty("m"),
        "one_number": Edge(shape={"d": 1}),
        "coincident": Edge(shape={"m": 3, "n": 3}, inputs=lambda x: {"y": x}, kink=True),
        "far_from_zero": Edge(inputs=lambda x, y: {"x": x + 1000, "y": y + 1000}),
    },
    example=Example(shape={"m": 4, "n": 5, "d": 3}),
    latex=r"D_{ij} = \lVert x_i - y_j \rVert,\quad "
    r"\nabla_{x_i} L = \textstyle\sum_j G_{ij} (x_i - y_j) / D_{ij}",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 129",
)
