r"""Cosine of the angle between the rows of two matrices: y = a . b / (|a| |b|).

    a, b: (..., d)   y: (...)   g = dL/dy: (...)   |a|, |b| at least eps

With the directions u = a / |a| and v = b / |b|, y = u . v, and a direction moves across itself only:

    dL/da = g (v - y u) / |a|     (..., d)
    dL/db = g (u - y v) / |b|     (..., d)

dL/da is orthogonal to a: to stretch a turns nothing.

Where |a| <= eps, it is replaced by eps, a constant, and what was to take the stretch out is dropped: dL/da
= g v / eps. At a = 0 this is the gradient of PyTorch too.

Delicate: v - y u cancels where a and b are nearly parallel. eps holds each length for itself, not their
product. The lengths are made in float32: in float16 a square is infinite from 256 upwards.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, register


def shapes(batch: list[int], d: int) -> Sizes:
    return {"a": (*batch, d), "b": (*batch, d)}


@in_float32
def forward(a: Tensor, b: Tensor, *, eps: Annotated[float, above(0, 1e-8, 0.5)] = 1e-8) -> Tensor:
    return (direction(a, eps) * direction(b, eps)).sum(dim=-1)


def library(a: Tensor, b: Tensor, *, eps: float = 1e-8) -> Tensor:
    return torch.nn.functional.cosine_similarity(a, b, dim=-1, eps=eps)


@in_float32
def across(grad_y: Tensor, a: Tensor, b: Tensor, *, eps: float = 1e-8) -> Gradients:
    u, v, g = direction(a, eps), direction(b, eps), grad_y[..., None]
    return {"a": by_vector(g * v, a, u, eps), "b": by_vector(g * u, b, v, eps)}


def by_vector(grad_u: Tensor, a: Tensor, u: Tensor, eps: float) -> Tensor:
    """Take a gradient by the direction u of a to a itself."""
    along = torch.where(length(a) > eps, (grad_u * u).sum(dim=-1, keepdim=True), 0)
    return (grad_u - along * u) / length(a).clamp(min=eps)


def direction(a: Tensor, eps: float) -> Tensor:
    return a / length(a).clamp(min=eps)


def length(a: Tensor) -> Tensor:
    size: Tensor = torch.linalg.vector_norm(a, dim=-1, keepdim=True)
    return size


register(
    gradients=[across],
    edges={
        "empty_batch": Edge.empty("batch"),
        "one_number": Edge(shape={"d": 1}),
        "zero_vector": Edge.zeros("a"),
        "parallel": Edge(inputs=lambda a: {"b": 3 * a}),
        "opposite": Edge(inputs=lambda a: {"b": -a}),
    },
    example=Example(shape={"batch": [5], "d": 7}),
    latex=r"y = \hat a \cdot \hat b,\quad \nabla_a L = g\,(\hat b - y\, \hat a) / \lVert a \rVert",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 130",
)
