r"""Embedding: each id picks a row of a table, y = W[ids].

    ids: (...)   W: (V, d)   y: (..., d)   g = dL/dy: (..., d)

Count the ids from 1 to n, and let H_tv = [ids_t = v] be their one-hot matrix. The lookup is a product:

    y     = H W      (n, d)     H: (n, V)
    dL/dW = H' g     (V, d)

Row v of H' g is the sum of all g_t with ids_t = v: a row picked twice gets both, one never picked gets 0.
`one_hot_product` carries the product out, in n V d steps; `index_add` adds each g_t to its row, in n d.

The row padding_idx (a negative one counts from the end) is read but does not learn: forward detaches it,
and the backward leaves its ids out, or sets its row to 0.

Delicate: the assignment dW[ids] = g would keep one of several equal ids. The sum of a frequent id is long;
the half precisions keep it in float32. On a GPU the order in which `index_add` adds is not fixed.

Edges: no ids; a single id without dimensions; one id for all; padding only. An id outside the table raises
IndexError, a negative one too.
"""

from typing import Annotated

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, integer, register


def shapes(batch: list[int], V: int, d: int, *, padding_idx: int | None = None) -> Sizes:
    if padding_idx is not None and not -V <= padding_idx < V:
        raise ValueError(
            f"padding_idx={padding_idx} is not in a table of V={V} rows: it must be from {-V} to {V - 1}"
        )
    return {"ids": (*batch,), "W": (V, d)}


def sample(rng: Draw, batch: list[int], V: int, *, padding_idx: int | None) -> dict[str, Tensor]:
    ids = rng.integers(batch, 0, V)
    if padding_idx is not None:
        ids.view(-1)[3::4] = padding_idx % V
    return {"ids": ids}


def forward(
    ids: Tensor, W: Tensor, *, padding_idx: Annotated[int | None, integer(None, 0, -1)] = None
) -> Tensor:
    rows = W.index_select(0, ids.reshape(-1)).reshape(*ids.shape, W.shape[1])
    return torch.where(learns(ids, W, padding_idx)[..., None], rows, rows.detach())


def library(ids: Tensor, W: Tensor, *, padding_idx: int | None) -> Tensor:
    return torch.nn.functional.embedding(ids, W, padding_idx)


@in_float32
def index_add(grad_y: Tensor, ids: Tensor, W: Tensor, *, padding_idx: int | None = None) -> Gradients:
    g = grad_y.reshape(-1, W.shape[1])  # (n, d)
    dW = g.new_zeros(W.shape).index_add_(0, ids.reshape(-1), g)
    if padding_idx is not None:
        dW[padding_idx] = 0
    return {"W": dW}


@in_float32
def one_hot_product(grad_y: Tensor, ids: Tensor, W: Tensor, *, padding_idx: int | None = None) -> Gradients:
    kept = learns(ids, W, padding_idx)
    g = grad_y[kept]  # (n, d)
    H = ids[kept][:, None] == torch.arange(len(W), device=ids.device)  # (n, V)
    return {"W": H.to(g.dtype).T @ g}


def learns(ids: Tensor, W: Tensor, padding_idx: int | None) -> Tensor:
    """Tell which of the ids are not padding."""
    return torch.ones_like(ids, dtype=torch.bool) if padding_idx is None else ids != padding_idx % len(W)


register(
    gradients=[index_add, one_hot_product],
    detached=("W",),
    edges={
        "no_ids": Edge.empty("batch"),
        "single_id": Edge(shape={"batch": []}),
        "one_id_for_all": Edge.zeros("ids", params={"padding_idx": None}),
        "padding_only": Edge.zeros("ids", params={"padding_idx": 0}),
        "id_too_large": Edge(inputs=lambda ids, W: {"ids": torch.full_like(ids, len(W))}, raises=IndexError),
        "negative_id": Edge.filled("ids", -1, raises=IndexError),
    },
    example=Example(shape={"batch": [3, 5], "V": 7, "d": 4}, params={"padding_idx": -1}),
    latex=r"y = H W,\quad H_{tv} = [\mathrm{ids}_t = v],\quad \nabla_W L = H^\top g",
    source="Bengio et al., A Neural Probabilistic Language Model (2003), section 2",
)
