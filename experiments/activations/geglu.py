r"""GELU-gated linear unit: y = gelu(a) * b.

    a, b: (..., n)   y: (..., n)   g = dL/dy: (..., n)

    dL/da = g b gelu'(a)     (..., n)
    dL/db = g gelu(a)        (..., n)

with gelu and gelu' of `gelu`, exact or, under `approximate=tanh`, as most kernels have it. Nothing but a
and b is kept.

Delicate: forward and backward must take the same of the two gelus. In half precision everything between a,
b and y is in float32.
"""

import torch
from torch import Tensor

from experiments.activations import gelu
from experiments.activations.gelu import Approximation
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(batch: list[int], n: int) -> Sizes:
    return {"a": (*batch, n), "b": (*batch, n)}


@in_float32
def forward(a: Tensor, b: Tensor, *, approximate: Approximation = "tanh") -> Tensor:
    return gelu.forward(a, approximate=approximate) * b


def library(a: Tensor, b: Tensor, *, approximate: str = "tanh") -> Tensor:
    return torch.nn.functional.gelu(a, approximate=approximate) * b


@in_float32
def product_rule(grad_y: Tensor, a: Tensor, b: Tensor, *, approximate: Approximation = "tanh") -> Gradients:
    slope = gelu.product_rule(a, approximate=approximate)
    return {"a": grad_y * b * slope, "b": grad_y * gelu.forward(a, approximate=approximate)}


register(
    gradients=[product_rule],
    edges={
        "empty_batch": Edge.empty("batch"),
        "closed": Edge.zeros("a"),
        "saturated": Edge.scaled("a", 10),
    },
    example=Example(shape={"batch": [2, 3], "n": 7}),
    latex=r"y = \mathrm{gelu}(a) \odot b,\quad \nabla_a L = g\, b\, \mathrm{gelu}'(a),\quad "
    r"\nabla_b L = g\, \mathrm{gelu}(a)",
    source="Shazeer, GLU Variants Improve Transformer (2020), eq. 5",
)
