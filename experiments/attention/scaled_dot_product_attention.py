r"""Scaled dot-product attention: y = softmax(c q k') v, a mixture of the values for every query.

    q: (..., T, d)   k: (..., S, d)   v: (..., S, e)   attend: (..., T, S), boolean, optional
    s, p: (..., T, S)   y: (..., T, e)   g = dL/dy: (..., T, e)

The forward takes three steps; c is 1/sqrt(d) unless `scale` sets it:

    s = c q k'          scores, -inf where a query may not attend to a key
    p = softmax(s)      probabilities, over the keys of each query
    y = p v

The backward takes them from last to first. A product of matrices Y = A B has dL/dA = G B' and dL/dB = A' G;
the softmax of a row has the Jacobian diag(p) - p p'. With dp and ds for dL/dp and dL/ds,

    dL/dv = p' g                         (..., S, e)
    dp    = g v'                         (..., T, S)
    ds    = p * (dp - rowsum(p * dp))    (..., T, S)
    dL/dq = c ds k                       (..., T, d)
    dL/dk = c ds' q                      (..., S, d)

`saved_probabilities` keeps p, T S numbers. `recomputed` keeps the log-sum-exp of each row of scores instead,
and has p again as exp(s - logsumexp(s)).

Mask: `causal` lets query t attend to the keys 0 to t, even where T and S differ; in a `boolean` one, True
means may attend. A hidden key has p = 0 and receives nothing. A query without any key is 0/0 to the softmax,
NaN; PyTorch's attention makes it p = 0, so y = 0 and no gradient (torch 2.13), and so does this forward.

Delicate: dp - rowsum(p * dp) cancels where p is nearly one-hot, so half precision is computed in float32. The
cancelling also relies on rows of p that sum to 1. The log-sum-exp is therefore saved in two parts of
(..., T, 1): top, the largest score, and log_sum, the logarithm of the sum of exp(s - top), whose digits a
large top would swallow. (The row sum is g . y as well, as FlashAttention has it; but y has been rounded.)
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from experiments.activations import softmax
from runner.formula import Draw, Edge, Example, Gradients, Sizes, above, in_float32, register


def shapes(batch: list[int], T: int, S: int, d: int, e: int, *, mask: str = "none") -> Sizes:
    sizes: Sizes = {"q": (*batch, T, d), "k": (*batch, S, d), "v": (*batch, S, e)}
    return {**sizes, "attend": (*batch, T, S)} if mask == "boolean" else sizes


def sample(rng: Draw, batch: list[int], T: int, S: int, *, mask: str) -> dict[str, Tensor]:
    return {"attend": rng.boolean((*batch, T, S), probability=0.7)} if mask == "boolean" else {}


@in_float32(saved=("probabilities", "top", "log_sum"))
def forward(
    q: Tensor, k: Tensor, v: Tensor, attend: Tensor | None = None, *,
    mask: Literal["none", "causal", "boolean"] = "none",
    scale: Annotated[float | None, above(0, 0.3)] = None,
) -> dict[str, Tensor]:  # fmt: skip
    hidden = hidden_keys(q, k, attend, mask)
    s = scores(q, k, scale).masked_fill(hidden, -torch.inf)
    p = softmax.forward(s).masked_fill(hidden, 0)
    top = s.amax(dim=-1, keepdim=True)
    log_sum = torch.exp(s - top).sum(dim=-1, keepdim=True).log()
    return {"y": p @ v, "probabilities": p, "top": top, "log_sum": log_sum}


def library(
    q: Tensor, k: Tensor, v: Tensor, attend: Tensor | None = None,
    *, mask: str = "none", scale: float | None = None,
) -> Tensor:  # fmt: skip
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=attend, is_causal=mask == "causal", scale=scale
    )


@in_float32
def saved_probabilities(
    grad_y: Tensor, probabilities: Tensor, q: Tensor, k: Tensor, v: Tensor, *, scale: float | None
) -> Gradients:
    grad_s = softmax.output_product(grad_y @ v.mT, probabilities)["x"]  # ds, from dp
    grad_qk = factor(q, scale) * grad_s  # c ds, (..., T, S)
    return {"q": grad_qk @ k, "k": grad_qk.mT @ q, "v": probabilities.mT @ grad_y}


@in_float32
def recomputed(
    grad_y: Tensor, top: Tensor, log_sum: Tensor,
    q: Tensor, k: Tensor, v: Tensor, attend: Tensor | None = None, *, mask: str, scale: float | None,
) -> Gradients:  # fmt: skip
    p = torch.exp(scores(q, k, scale) - top - log_sum).masked_fill(hidden_keys(q, k, attend, mask), 0)
    return saved_probabilities(grad_y, p, q, k, v, scale=scale)


def scores(q: Tensor, k: Tensor, scale: float | None) -> Tensor:
    return factor(q, scale) * (q @ k.mT)


def factor(q: Tensor, scale: float | None) -> float:
    d = q.shape[-1]
    return d**-0.5 if scale is None else scale


def hidden_keys(q: Tensor, k: Tensor, attend: Tensor | None, mask: str) -> Tensor:
    """Return where a query may not attend to a key: (T, S), or (..., T, S) for a boolean mask."""
    if attend is not None:
        return ~attend
    every = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device)
    return every.triu(1) if mask == "causal" else ~every


def first_query_sees_nothing(attend: Tensor) -> dict[str, Tensor]:
    later = torch.arange(attend.shape[-2], device=attend.device) > 0
    return {"attend": attend & later[:, None]}


register(
    gradients=[saved_probabilities, recomputed],
    edges={
        "no_batch": Edge(shape={"batch": []}),
        "empty_batch": Edge.empty("batch"),
        "no_queries": Edge.empty("T"),
        "one_key": Edge(shape={"S": 1}),
        "fully_masked_row": Edge(params={"mask": "boolean"}, inputs=first_query_sees_nothing),
        "nearly_one_hot": Edge.scaled("q", 20),
    },
    example=Example(shape={"batch": [2, 3], "T": 7, "S": 5, "d": 4, "e": 6}, params={"mask": "causal"}),
    latex=r"y = \mathrm{softmax}(c\, q k^\top)\, v,\quad "
    r"\nabla_s L = p \odot (g v^\top - \mathrm{rowsum}(p \odot g v^\top))",
    source="Vaswani et al. (2017), eq. 1; Dao et al., FlashAttention (2022), appendix B",
)
