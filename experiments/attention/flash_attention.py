r"""Attention in tiles: y = softmax(c q k') v, without ever holding all of the scores.

    q: (..., T, d)   k: (..., S, d)   v: (..., S, e)   lse: (..., T, 1)   y, g = dL/dy: (..., T, e)

It is the function of `scaled_dot_product_attention`, in the memory of its inputs. A tile is a block of
`tile` queries against a block of `tile` keys. The forward visits the tiles of its queries one by one, and
keeps, of what it has seen, the largest score m, the sum l of exp(s - m), and the sum a of exp(s - m) v. A
larger score that comes later rescales both:

    m' = max(m, max s)     r = exp(m - m')
    l' = r l + sum exp(s - m')     a' = r a + exp(s - m') v     and at the end y = a / l, lse = m + log l

lse, the log-sum-exp of a row of scores, is all that has to be saved beside y: with it the backward has the
probabilities of any tile again, p = exp(s - lse). The softmax's Jacobian needs a sum over the whole row,
which would be another visit of all tiles. But it is a number of y:

    D = rowsum(p * dp) = sum_j p_j (g . v_j) = g . y         (..., T, 1)

So each tile is visited once, and adds its part to the gradients of its queries, keys and values:

    dv += p' g     ds = p * (g v' - D)     dq += c ds k     dk += c ds' q

`causal` lets query t attend to the keys 0 to t (top_left), or 0 to t + S - T, so that the last query sees
every key (bottom_right). Tiles that are hidden as a whole are skipped. The two differ where T and S do.

Delicate: a query without any key, as with bottom_right where T > S, has l = 0 and m = -inf: y = 0, lse =
-inf, and p must be 0 where exp(-inf + inf) is NaN. In half precision everything inside is in float32, D
too; only y has been rounded, and g . y with it. Large scores make a large lse, whose last digit is an error
of p; the two are rounded alike.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from torch import Tensor

from experiments.attention.scaled_dot_product_attention import factor
from runner.formula import Edge, Example, Gradients, Sizes, above, in_float32, integer, register

Causal = Literal["none", "top_left", "bottom_right"]
Tile = tuple[slice, slice]  # queries, keys


def shapes(batch: list[int], T: int, S: int, d: int, e: int) -> Sizes:
    return {"q": (*batch, T, d), "k": (*batch, S, d), "v": (*batch, S, e)}


@in_float32(saved=("lse",))
def forward(
    q: Tensor, k: Tensor, v: Tensor, *,
    causal: Causal = "none",
    scale: Annotated[float | None, above(0, 0.3)] = None,
    tile: Annotated[int, integer(1, 3, 2, 128)] = 128,
) -> dict[str, Tensor]:  # fmt: skip
    blocks = [block_of_queries(q, k, v, rows, causal, scale, tile) for rows in blocks_of(q.shape[-2], tile)]
    y, lse = zip(*blocks, strict=True) if blocks else ((q @ k.mT @ v,), (q[..., :1],))
    return {"y": torch.cat(y, dim=-2), "lse": torch.cat(lse, dim=-2)}


def block_of_queries(
    q: Tensor, k: Tensor, v: Tensor, rows: slice, causal: Causal, scale: float | None, tile: int
) -> tuple[Tensor, Tensor]:
    """Return y and lse of some queries."""
    m = q[..., rows, :1].detach() * 0 - torch.inf
    total, a = torch.zeros_like(m), torch.zeros_like(m) * v[..., :1, :]
    for keys in seen_by(rows, q.shape[-2], k.shape[-2], causal, tile):
        s = scores(q, k, (rows, keys), causal, scale)
        larger = torch.maximum(m, s.detach().amax(dim=-1, keepdim=True))  # any m gives the same y
        shift = larger.nan_to_num(neginf=0)
        r, weights = torch.exp(m - shift), torch.exp(s - shift)
        total, a = r * total + weights.sum(dim=-1, keepdim=True), r * a + weights @ v[..., keys, :]
        m = larger
    alone = total == 0
    return a / total.masked_fill(alone, 1), m + torch.log(total.masked_fill(alone, 1))


def library(
    q: Tensor, k: Tensor, v: Tensor, *, causal: Causal = "none", scale: float | None = None
) -> Tensor:
    every = slice(0, q.shape[-2]), slice(0, k.shape[-2])
    attend = ~hidden(every, q, k, causal)
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=attend, scale=scale)


@in_float32
def tiled(
    grad_y: Tensor, y: Tensor, lse: Tensor, q: Tensor, k: Tensor, v: Tensor,
    *, causal: Causal = "none", scale: float | None = None, tile: int = 128,
) -> Gradients:  # fmt: skip
    dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
    D = (grad_y * y).sum(dim=-1, keepdim=True)
    for rows in blocks_of(q.shape[-2], tile):
        for keys in seen_by(rows, q.shape[-2], k.shape[-2], causal, tile):
            g, s = grad_y[..., rows, :], scores(q, k, (rows, keys), causal, scale)
            p = torch.where(s == -torch.inf, 0, torch.exp(s - lse[..., rows, :]))
            ds = factor(q, scale) * p * (g @ v[..., keys, :].mT - D[..., rows, :])
            dv[..., keys, :] += p.mT @ g
            dq[..., rows, :] += ds @ k[..., keys, :]
            dk[..., keys, :] += ds.mT @ q[..., rows, :]
    return {"q": dq, "k": dk, "v": dv}


def blocks_of(size: int, tile: int) -> Iterator[slice]:
    for start in range(0, size, tile):
        yield slice(start, min(start + tile, size))


def seen_by(rows: slice, T: int, S: int, causal: Causal, tile: int) -> Iterator[slice]:
    """Yield the blocks of keys that some of these queries may attend to."""
    for keys in blocks_of(S, tile):
        if causal == "none" or keys.start <= rows.stop - 1 + past(T, S, causal):
            yield keys


def scores(q: Tensor, k: Tensor, tile: Tile, causal: Causal, scale: float | None) -> Tensor:
    """Return the scores of a tile, with -inf where a query may not attend to a key."""
    rows, keys = tile
    s = factor(q, scale) * (q[..., rows, :] @ k[..., keys, :].mT)
    return s.masked_fill(hidden(tile, q, k, causal), -torch.inf)


def hidden(tile: Tile, q: Tensor, k: Tensor, causal: Causal) -> Tensor:
    t, s = (torch.arange(block.start, block.stop, device=q.device) for block in tile)
    last = t[:, None] + past(q.shape[-2], k.shape[-2], causal)
    return (s > last) & (causal != "none")


def past(T: int, S: int, causal: Causal) -> int:
    """Return how many keys come before that of the first query."""
    return S - T if causal == "bottom_right" else 0


register(
    gradients=[tiled],
    edges={
        "no_batch": Edge(shape={"batch": []}),
        "empty_batch": Edge.empty("batch"),
        "no_queries": Edge.empty("T"),
        "one_key": Edge(shape={"S": 1}),
        "queries_without_keys": Edge(shape={"T": 7, "S": 3}, params={"causal": "bottom_right", "tile": 2}),
        "nearly_one_hot": Edge.scaled("q", 20),
    },
    example=Example(
        shape={"batch": [2, 3], "T": 7, "S": 8, "d": 4, "e": 5}, params={"causal": "bottom_right", "tile": 3}
    ),
    latex=r"y = \mathrm{softmax}(c\, q k^\top)\, v,\quad P = e^{S - \mathrm{lse}},\quad "
    r"\nabla_S L = P \odot (g v^\top - \mathrm{rowsum}(g \odot y))",
    source="Dao et al., FlashAttention (2022), algorithms 1 and 4; Dao, FlashAttention-2 (2023)",
)
