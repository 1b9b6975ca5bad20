r"""Attention in which groups of query heads share one head of keys and values.

    q: (N, H, T, d)   k: (N, K, S, d)   v: (N, K, S, e)   y: (N, H, T, e)   g = dL/dy: (N, H, T, e)

H = K G: query head h reads the keys and values of head h // G (integer division), so the queries of a group
lie side by side, and q is (N, K, G, T, d) in another view. In it, head by head, this is
`scaled_dot_product_attention`, for k and v that are repeated G times. What is repeated is used G times, and
its gradient is the sum over all uses:

    dL/dq as in attention                              (N, K, G, T, d), back to (N, H, T, d)
    dL/dk = sum over the group of attention's          (N, K, S, d)
    dL/dv = sum over the group of attention's          (N, K, S, e)

`summed_over_group` is that, with G copies of dL/dk and dL/dv before the sum. `stacked_queries` takes all
queries of a group as G T rows of one attention, (N, K, G T, d): nothing is repeated, and the sum over the
group is one more part of the sums over queries in dv = p' g and dk = c ds' q.

One group for all, K = 1, is multi-query attention; K = H is the usual one.

Delicate: the order of the repetition. `repeat_interleave` puts the copies of a head side by side and is
meant here, `repeat` puts whole sets of heads after each other: the shapes agree, and with them the sum over
the wrong heads. The sum over the group is made in float32.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from experiments.attention import scaled_dot_product_attention as attention
from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, register

Mask = Literal["none", "causal"]


def shapes(N: int, K: int, G: int, T: int, S: int, d: int, e: int) -> Sizes:
    return {"q": (N, K * G, T, d), "k": (N, K, S, d), "v": (N, K, S, e)}


@in_float32(saved=("probabilities",))
def forward(
    q: Tensor, k: Tensor, v: Tensor,
    *, mask: Mask = "none", scale: Annotated[float | None, above(0, 0.3)] = None,
) -> dict[str, Tensor]:  # fmt: skip
    found = attention.forward(by_group(q, k), repeated(q, k), repeated(q, v), mask=mask, scale=scale)
    return {"y": found["y"].flatten(1, 2), "probabilities": found["probabilities"]}


def library(q: Tensor, k: Tensor, v: Tensor, *, mask: Mask = "none", scale: float | None = None) -> Tensor:
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, is_causal=mask == "causal", scale=scale, enable_gqa=True
    )


@in_float32
def summed_over_group(
    grad_y: Tensor, probabilities: Tensor, q: Tensor, k: Tensor, v: Tensor, *, scale: float | None = None
) -> Gradients:
    g, grouped = by_group(grad_y, k), by_group(q, k)
    of = attention.saved_probabilities(g, probabilities, grouped, repeated(q, k), repeated(q, v), scale=scale)
    return {"q": of["q"].flatten(1, 2), "k": of["k"].sum(dim=2), "v": of["v"].sum(dim=2)}


@in_float32
def stacked_queries(
    grad_y: Tensor, probabilities: Tensor, q: Tensor, k: Tensor, v: Tensor, *, scale: float | None = None
) -> Gradients:
    g, stacked = by_group(grad_y, k).flatten(2, 3), by_group(q, k).flatten(2, 3)  # (N, K, G T, d)
    of = attention.saved_probabilities(g, probabilities.flatten(2, 3), stacked, k, v, scale=scale)
    return {"q": of["q"].reshape(q.shape), "k": of["k"], "v": of["v"]}


def by_group(q: Tensor, k: Tensor) -> Tensor:
    """Split the heads of q into those that share a head of k: (N, K, G, T, d)."""
    N, H, T, d = q.shape
    return q.reshape(N, k.shape[1], H // k.shape[1], T, d)


def repeated(q: Tensor, k: Tensor) -> Tensor:
    """Show each head of k once for every query head that reads it, without a copy: (N, K, G, S, d)."""
    return k.unsqueeze(2).expand(-1, -1, q.shape[1] // k.shape[1], -1, -1)


register(
    gradients=[summed_over_group, stacked_queries],
    edges={
        "empty_batch": Edge.empty("N"),
        "multi_query": Edge(shape={"K": 1}),
        "multi_head": Edge(shape={"G": 1}),
        "one_key": Edge(shape={"S": 1}),
    },
    example=Example(
        shape={"N": 2, "K": 2, "G": 3, "T": 5, "S": 7, "d": 4, "e": 6}, params={"mask": "causal"}
    ),
    latex=r"y_h = \mathrm{attention}(q_h, k_{h / G}, v_{h / G}),\quad "
    r"\nabla_{k_j} L = \textstyle\sum_{h / G = j} \nabla_{k}^{(h)} L",
    source="Ainslie et al., GQA (2023); Shazeer, Fast Transformer Decoding (2019)",
)
