r"""Rotary position embedding: pairs of coordinates are turned by an angle that grows with the position.

    x: (..., T, 2 n)   cos, sin: (T, n), held fixed   y: (..., T, 2 n)   g = dL/dy: (..., T, 2 n)

The pair (x1, x2) at position t is multiplied by a rotation, whose angle is a_ti = t base^(-i/n):

    y1 = x1 cos - x2 sin
    y2 = x2 cos + x1 sin

A rotation's transpose turns by the negative angle. So the backward is the forward with -sin in place of sin:

    dL/dx1 = g1 cos + g2 sin
    dL/dx2 = g2 cos - g1 sin

Scores of turned queries and keys depend on the distance of their positions alone, which is what this is for.

Delicate: two layouts are in use, and a model trained in one is wrong in the other. `half` pairs coordinate
i with i + n (GPT-NeoX, Llama in Hugging Face), `interleaved` 2 i with 2 i + 1 (the paper, Llama by Meta).
Backward must pair as forward did. In half precision angles are made, and turned by, in float32.
"""

from typing import Literal

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register

Layout = Literal["half", "interleaved"]


def shapes(batch: list[int], T: int, n: int) -> Sizes:
    return {"x": (*batch, T, 2 * n), "cos": (T, n), "sin": (T, n)}


def sample(rng: Draw, T: int, n: int) -> dict[str, Tensor]:
    frequency = 10_000.0 ** (-torch.arange(n, dtype=torch.float64) / max(n, 1))
    angle = torch.arange(T, dtype=torch.float64)[:, None] * frequency
    return {"cos": angle.cos(), "sin": angle.sin()}


@in_float32
def forward(x: Tensor, cos: Tensor, sin: Tensor, *, layout: Layout = "half") -> Tensor:
    x1, x2 = pairs(x, layout)
    return joined(x1 * cos - x2 * sin, x2 * cos + x1 * sin, layout)


@in_float32  # PyTorch has no complex numbers of bfloat16
def library(x: Tensor, cos: Tensor, sin: Tensor, *, layout: Layout = "half") -> Tensor:
    z = torch.complex(*pairs(x, layout)) * torch.complex(cos, sin)
    return joined(z.real, z.imag, layout)


@in_float32
def turned_back(grad_y: Tensor, cos: Tensor, sin: Tensor, *, layout: Layout = "half") -> Gradients:
    return {"x": forward(grad_y, cos, -sin, layout=layout)}


def pairs(x: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    if layout == "interleaved":
        return x[..., 0::2], x[..., 1::2]
    n = x.shape[-1] // 2
    return x[..., :n], x[..., n:]


def joined(x1: Tensor, x2: Tensor, layout: Layout) -> Tensor:
    """Undo `pairs`."""
    if layout == "interleaved":
        return torch.stack([x1, x2], dim=-1).flatten(-2)
    return torch.cat([x1, x2], dim=-1)


register(
    gradients=[turned_back],
    constants=("cos", "sin"),
    edges={
        "empty_batch": Edge.empty("batch"),
        "first_position": Edge(shape={"T": 1}),
        "no_rotation": Edge(inputs=lambda cos, sin: {"cos": 0 * cos + 1, "sin": 0 * sin}),
    },
    example=Example(shape={"batch": [2, 3], "T": 5, "n": 4}),
    latex=r"y_t = R(\theta_t)\, x_t,\quad \nabla_{x_t} L = R(-\theta_t)\, g_t",
    source="Su et al., RoFormer (2021), eq. 34",
)
