r"""Multi-head attention of a sequence to itself, between two projections.

    x: (N, T, D)   W: (3 D, D)   b: (3 D)   U: (D, D)   c: (D)   y: (N, T, D)   g = dL/dy: (N, T, D)

    [q, k, v] = x W' + b            (N, T, 3 D), and as heads (N, H, T, d), D = H d
    o = attention(q, k, v)          of each head by itself: (N, H, T, d), and side by side again (N, T, D)
    y = o U' + c

The backward takes these steps from last to first, each with the gradient that it has on its own page:

    dL/do, dL/dU, dL/dc      from `linear`, of g
    dL/dq, dL/dk, dL/dv      from `scaled_dot_product_attention`, of dL/do as heads
    dL/dx, dL/dW, dL/db      from `linear`, of [dL/dq, dL/dk, dL/dv] side by side

One matrix makes q, k and v. `by_parts` adds up in one product what x receives from all three, and makes what
has the size of the probabilities, (H, T, T), for few samples at a time. `three_projections` takes the three
blocks of W by themselves, as if they were three layers, and all samples at once.

Delicate: (N, T, D) is (N, T, H, d), and heads come before positions only after a transpose; a reshape to
(N, H, T, d) has the right shape, and mixes positions with heads. All matrices are square in D, which hides
a missing transpose. In half precision the steps between x and y are in float32.
"""

import math
from typing import Annotated, Literal

import torch
from torch import Tensor

from experiments.attention import scaled_dot_product_attention as attention
from experiments.layers import linear
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, integer, register

Mask = Literal["none", "causal"]
AT_A_TIME = 2**14  # probabilities, which stay in a core's cache between the steps


def shapes(N: int, T: int, D: int, *, heads: int = 1) -> Sizes:
    if D % heads:
        raise ValueError(f"params.heads={heads}: must divide the width, shape.D={D}")
    return {"x": (N, T, D), "W": (3 * D, D), "b": (3 * D,), "U": (D, D), "c": (D,)}


@in_float32(saved=("qkv", "o", "probabilities"))
def forward(
    x: Tensor, W: Tensor, b: Tensor, U: Tensor, c: Tensor,
    *, heads: Annotated[int, integer(1, 1, 2, 4)] = 1, mask: Mask = "none",
) -> dict[str, Tensor]:  # fmt: skip
    qkv = linear.forward(x, W, b)
    found = attention.forward(*as_heads(qkv, heads), mask=mask)
    o = side_by_side(found["y"])
    return {"y": linear.forward(o, U, c), "qkv": qkv, "o": o, "probabilities": found["probabilities"]}


def library(
    x: Tensor, W: Tensor, b: Tensor, U: Tensor, c: Tensor, *, heads: int = 1, mask: Mask = "none"
) -> Tensor:
    T, D = x.shape[1:]
    later = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1) if mask == "causal" else None
    first = x.transpose(0, 1)  # positions first, as this function takes them
    y, _ = torch.nn.functional.multi_head_attention_forward(
        first, first, first, D, heads, W, b, None, None, False, 0.0, U, c, need_weights=False, attn_mask=later
    )
    return y.transpose(0, 1)


@in_float32
def by_parts(
    grad_y: Tensor, qkv: Tensor, o: Tensor, probabilities: Tensor,
    x: Tensor, W: Tensor, b: Tensor, U: Tensor, c: Tensor, *, heads: int = 1,
) -> Gradients:  # fmt: skip
    of_output = linear.outer_product(grad_y, o, U, c)
    grad_qkv = of_heads(of_output.pop("x"), qkv, probabilities, heads)
    return {**linear.outer_product(grad_qkv, x, W, b), "U": of_output["W"], "c": of_output["b"]}


def of_heads(grad_o: Tensor, qkv: Tensor, probabilities: Tensor, heads: int) -> Tensor:
    """Return the gradients of q, k and v side by side, (N, T, 3 D), few samples at a time."""
    arguments = (*as_heads(grad_o, heads, parts=1), probabilities, *as_heads(qkv, heads))
    few, grad_qkv = samples_at_a_time(probabilities), torch.empty_like(qkv)
    for i, of_samples in enumerate(zip(*(torch.split(x, few) for x in arguments), strict=True)):
        of = attention.saved_probabilities(*of_samples, scale=None)
        grad_qkv[i * few : (i + 1) * few] = torch.cat([side_by_side(of[name]) for name in "qkv"], dim=-1)
    return grad_qkv


def samples_at_a_time(probabilities: Tensor) -> int:
    return max(1, AT_A_TIME // max(1, math.prod(probabilities.shape[1:])))


@in_float32
def three_projections(
    grad_y: Tensor, qkv: Tensor, o: Tensor, probabilities: Tensor,
    x: Tensor, W: Tensor, b: Tensor, U: Tensor, c: Tensor, *, heads: int = 1,
) -> Gradients:  # fmt: skip
    of_output = linear.outer_product(grad_y, o, U, c)
    (grad_o,) = as_heads(of_output["x"], heads, parts=1)
    of = attention.saved_probabilities(grad_o, probabilities, *as_heads(qkv, heads), scale=None)
    three = zip("qkv", W.chunk(3), b.chunk(3), strict=True)
    q, k, v = (linear.outer_product(side_by_side(of[name]), x, part, bias) for name, part, bias in three)
    joined = {name: torch.cat([q[name], k[name], v[name]]) for name in ("W", "b")}
    return {"x": q["x"] + k["x"] + v["x"], **joined, "U": of_output["W"], "c": of_output["b"]}


def as_heads(x: Tensor, heads: int, parts: int = 3) -> list[Tensor]:
    """Split (N, T, parts D) into parts, and each of them into heads: (N, H, T, d)."""
    N, T, width = x.shape
    split = x.reshape(N, T, parts, heads, width // parts // heads)
    return [part.transpose(1, 2) for part in split.unbind(dim=2)]


def side_by_side(heads: Tensor) -> Tensor:
    """Put heads next to each other: (..., T, D)."""
    return heads.transpose(-3, -2).flatten(-2)


register(
    gradients=[by_parts, three_projections],
    edges={
        "one_position": Edge(shape={"T": 1}),
        "width_one_a_head": Edge(shape={"D": 4}, params={"heads": 4}),
        "nearly_one_hot": Edge.scaled("x", 20),
    },
    example=Example(shape={"N": 2, "T": 5, "D": 8}, params={"heads": 2, "mask": "causal"}),
    latex=r"y = [\mathrm{attention}(q_h, k_h, v_h)]_h U^\top + c,\quad [q, k, v] = x W^\top + b",
    source="Vaswani et al., Attention Is All You Need (2017), section 3.2.2",
)
