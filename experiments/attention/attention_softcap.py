r"""Attention whose scores are capped: y = softmax(cap tanh(c q k' / cap)) v.

    q: (..., T, d)   k: (..., S, d)   v: (..., S, e)   g = dL/dy, y: (..., T, e)   z, p: (..., T, S)

Between product and softmax, each score s = c q k' passes a tanh, so that none is beyond +-cap:

    z = cap t,   t = tanh(s / cap)     p = softmax(z)     y = p v

Backward, dz is what `scaled_dot_product_attention` has for the scores that its softmax sees. 1/cap from the
argument and cap from in front cancel, and the slope of the tanh is left:

    dv = p' g     dz = p * (g v' - rowsum(p * g v'))
    ds = dz * (1 - t^2)     dq = c ds k     dk = c ds' q

Delicate: under `causal` the mask comes after the cap; a -inf before it would become -cap, and leak. 1 - t^2
cancels for scores beyond the cap, where 4 s(-2x) s(2x) of `tanh` keeps its digits. `recomputed` makes the
scores again; p, T S numbers, is kept.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from experiments.activations import softmax, tanh
from experiments.attention.scaled_dot_product_attention import factor as scale_of
from experiments.attention.scaled_dot_product_attention import hidden_keys, scores
from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, register, through


def shapes(batch: list[int], T: int, S: int, d: int, e: int) -> Sizes:
    return {"q": (*batch, T, d), "k": (*batch, S, d), "v": (*batch, S, e)}


@in_float32(saved=("probabilities",))
def forward(
    q: Tensor, k: Tensor, v: Tensor, *,
    mask: Literal["none", "causal"] = "none",
    scale: Annotated[float | None, above(0, 0.3)] = None,
    cap: Annotated[float, above(0, 50, 1)] = 50.0,
) -> dict[str, Tensor]:  # fmt: skip
    z = cap * torch.tanh(scores(q, k, scale) / cap)
    p = softmax.forward(z.masked_fill(hidden_keys(q, k, None, mask), -torch.inf))
    return {"y": p @ v, "probabilities": p}


@in_float32
def recomputed(
    grad_y: Tensor, probabilities: Tensor, q: Tensor, k: Tensor, v: Tensor,
    *, scale: float | None = None, cap: float = 50.0,
) -> Gradients:  # fmt: skip
    dz = softmax.output_product(grad_y @ v.mT, probabilities)["x"]
    ds = scale_of(q, scale) * through(dz, tanh.sigmoid_product(scores(q, k, scale) / cap))
    return {"q": ds @ k, "k": ds.mT @ q, "v": probabilities.mT @ grad_y}


register(
    gradients=[recomputed],
    edges={
        "empty_batch": Edge.empty("batch"),
        "one_key": Edge(shape={"S": 1}),
        "beyond_the_cap": Edge.scaled("q", 100, params={"cap": 1.0}),
    },
    example=Example(
        shape={"batch": [2, 3], "T": 7, "S": 5, "d": 4, "e": 6}, params={"mask": "causal", "cap": 2.0}
    ),
    latex=r"y = \mathrm{softmax}(\kappa \tanh(s / \kappa))\, v,\quad \nabla_s L = (1 - t^2) \odot \nabla_z L",
    source="Gemma 2 (2024), section 2; Dao et al., FlashAttention (2022), appendix B",
)
