r"""Embedding: each id picks a row of a table, y = W[ids].

    ids: (...)   W: (V, d)   y: (..., d)   g = dL/dy: (..., d)

Count the ids from 1 to n, and let H_tv = [ids_t = v] be their one-hot matrix. The lookup is a product:

    y     = H W      (n, d)     H: (n, V)
    dL/dW = H' g     (V, d)

Row v of H' g is the sum of all g_t with ids_t = v: a row picked twice gets both, one never picked gets 0.
`one_hot_product` carries the product out, in n V d steps; `index_add` adds each g_t to its row, in n d.

The row padding_idx (a negative one counts from the end) is read but does not learn: forward detaches it,
and the backward leaves its ids out.

Delicate: the assignment dW[ids] = g would keep one of several equal ids. The sum of a frequent id is long;
the half precisions keep it in float32. On a GPU the order in which `index_add` adds is not fixed.

Edges: no ids; a single id without dimensions; one id for all; padding only. An id outside the table raises
IndexError, a negative one too.
"""

import torch
from torch import Tensor

from experiments._precision import widened
from runner.formula import Draw, Edge, integer, optional, register


def shapes(batch: list[int], V: int, d: int, *, padding_idx: int | None = None) -> dict[str, tuple[int, ...]]:
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


def forward(ids: Tensor, W: Tensor, *, padding_idx: int | None = None) -> Tensor:
    rows = W.index_select(0, ids.reshape(-1)).reshape(*ids.shape, W.shape[1])
    return torch.where(learns(ids, W, padding_idx)[..., None], rows, rows.detach())


def library(ids: Tensor, W: Tensor, *, padding_idx: int | None) -> Tensor:
    return torch.nn.functional.embedding(ids, W, padding_idx)


def index_add(grad_y: Tensor, ids: Tensor, W: Tensor, *, padding_idx: int | None = None) -> dict[str, Tensor]:
    kept = learns(ids, W, padding_idx)
    g = widened(grad_y[kept])  # (n, d), n ids that learn
    return {"W": g.new_zeros(W.shape).index_add(0, ids[kept], g).to(W.dtype)}


def one_hot_product(
    grad_y: Tensor, ids: Tensor, W: Tensor, *, padding_idx: int | None = None
) -> dict[str, Tensor]:
    kept = learns(ids, W, padding_idx)
    g = widened(grad_y[kept])  # (n, d)
    H = ids[kept][:, None] == torch.arange(len(W), device=ids.device)  # (n, V)
    return {"W": (H.to(g.dtype).T @ g).to(W.dtype)}


def learns(ids: Tensor, W: Tensor, padding_idx: int | None) -> Tensor:
    """Tell which of the ids are not padding."""
    return torch.ones_like(ids, dtype=torch.bool) if padding_idx is None else ids != padding_idx % len(W)


def repeated(ids: Tensor) -> dict[str, Tensor]:
    return {"ids": torch.zeros_like(ids)}


register(
    shapes=shapes,
    sample=sample,
    forward=forward,
    library=library,
    gradients=[index_add, one_hot_product],
    detached=("W",),
    may_be_empty=("batch",),
    domain={"padding_idx": optional(integer(None, 0, -1))},
    edges={
        "no_ids": Edge(shape={"batch": [0]}),
        "single_id": Edge(shape={"batch": []}),
        "one_id_for_all": Edge(params={"padding_idx": None}, inputs=repeated),
        "padding_only": Edge(params={"padding_idx": 0}, inputs=repeated),
        "id_too_large": Edge(inputs=lambda ids, W: {"ids": torch.full_like(ids, len(W))}, raises=IndexError),
        "negative_id": Edge(inputs=lambda ids: {"ids": torch.full_like(ids, -1)}, raises=IndexError),
    },
    latex=r"y = H W,\quad H_{tv} = [\mathrm{ids}_t = v],\quad \nabla_W L = H^\top g",
    source="Bengio et al., A Neural Probabilistic Language Model (2003), section 2",
)
