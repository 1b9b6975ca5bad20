r"""Swish-gated linear unit: y = silu(a) * b, with silu(a) = a s(a) and the logistic sigmoid s.

    a, b: (..., n)   gate = s(a): (..., n)   y: (..., n)   g = dL/dy: (..., n)

    dL/da = g b silu'(a),     silu'(a) = s(a) (1 + a s(-a))     (..., n)
    dL/db = g silu(a)                                           (..., n)

a and b come out of one matrix product and are kept for its backward anyway. `saved_gate` keeps s(a)
besides; `recomputed` makes it again, an exp for each number in place of a third tensor of their size: in a
language model these are the widest there are.

Delicate: s(-a) rather than 1 - s(a); in half precision everything between a, b and y is in float32.
"""

import torch
from torch import Tensor

from experiments.activations import silu
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register, through


def shapes(batch: list[int], n: int) -> Sizes:
    return {"a": (*batch, n), "b": (*batch, n)}


@in_float32(saved=("gate",))
def forward(a: Tensor, b: Tensor) -> dict[str, Tensor]:
    gate = torch.sigmoid(a)
    return {"y": a * gate * b, "gate": gate}


def library(a: Tensor, b: Tensor) -> Tensor:
    return torch.nn.functional.silu(a) * b


@in_float32
def recomputed(grad_y: Tensor, a: Tensor, b: Tensor) -> Gradients:
    return {"a": through(grad_y * b, silu.product_rule(a)), "b": grad_y * silu.forward(a)}


@in_float32
def saved_gate(grad_y: Tensor, gate: Tensor, a: Tensor, b: Tensor) -> Gradients:
    silu_a = a * gate
    return {"a": grad_y * b * (gate + silu_a * (1 - gate)), "b": grad_y * silu_a}


register(
    gradients=[recomputed, saved_gate],
    edges={
        "empty_batch": Edge.empty("batch"),
        "closed": Edge.zeros("a"),
        "saturated": Edge.scaled("a", 100),
    },
    example=Example(shape={"batch": [2, 3], "n": 7}),
    latex=r"y = a\, \sigma(a) \odot b,\quad \nabla_a L = g\, b\, \sigma(a)(1 + a\, \sigma(-a)),\quad "
    r"\nabla_b L = g\, a\, \sigma(a)",
    source="Shazeer, GLU Variants Improve Transformer (2020), eq. 5",
)
