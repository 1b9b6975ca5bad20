r"""A language model of characters: the last few, embedded, through two layers and a batch normalisation.

    ids: (N, k)   labels: (N)   E: (V, d)   W: (h, k d)   w, b: (h)   U: (V, h)   c: (V)
    L: ()   g = upstream of L

    e = E[ids]                   (N, k, d), and side by side (N, k d)
    a = e W'     n = batch_norm(a) = w * ah + b     h = tanh(n)          (N, h)
    z = h U' + c     L = cross_entropy(z, labels), the mean over N       (N, V)

Backward, each step with the gradient of its own page, from last to first:

    dz from `cross_entropy`     dh, dU, dc from `linear`     dn = dh (1 - h^2)
    da, dw, db from `batch_norm`     de, dW from `linear`     dE from `embedding`: rows of de, added up by id

W needs no bias: batch normalisation would subtract it again, and its gradient would be zero but for rounding.

Delicate: characters that occur several times in a batch add up in dE. The variance of the forward is
divided by N, not N - 1; both occur in published versions of this network, and each has its own gradient.
"""

import torch
from torch import Tensor

from experiments.activations import tanh
from experiments.layers import embedding, linear
from experiments.losses import cross_entropy
from experiments.normalisation import batch_norm
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register, through


def shapes(N: int, k: int, d: int, h: int, V: int) -> Sizes:
    if N < 2:
        raise ValueError(f"shape.N={N}: batch normalisation needs two samples or more")
    table: Sizes = {"ids": (N, k), "labels": (N,), "E": (V, d)}
    return {**table, "W": (h, k * d), "w": (h,), "b": (h,), "U": (V, h), "c": (V,)}


def sample(rng: Draw, N: int, k: int, V: int) -> dict[str, Tensor]:
    return {"ids": rng.integers((N, k), 0, V), "labels": rng.integers((N,), 0, V)}


@in_float32(saved=("e", "a", "mean", "rstd", "hidden", "z"))
def forward(
    ids: Tensor, labels: Tensor, E: Tensor, W: Tensor, w: Tensor, b: Tensor, U: Tensor, c: Tensor
) -> dict[str, Tensor]:
    e = embedding.forward(ids, E).flatten(1)
    a = linear.forward(e, W)
    norm = batch_norm.forward(a, w, b)
    hidden = torch.tanh(norm["y"])
    z = linear.forward(hidden, U, c)
    loss = cross_entropy.forward(z, labels)["loss"]
    statistics = {"mean": norm["mean"], "rstd": norm["rstd"]}
    return {"loss": loss, "e": e, "a": a, **statistics, "hidden": hidden, "z": z}


def library(
    ids: Tensor, labels: Tensor, E: Tensor, W: Tensor, w: Tensor, b: Tensor, U: Tensor, c: Tensor
) -> Tensor:
    f = torch.nn.functional
    a = f.linear(f.embedding(ids, E).flatten(1), W)
    hidden = torch.tanh(f.batch_norm(a, None, None, w, b, training=True))
    return f.cross_entropy(f.linear(hidden, U, c), labels)


@in_float32
def by_parts(
    grad_loss: Tensor, e: Tensor, a: Tensor, mean: Tensor, rstd: Tensor, hidden: Tensor, z: Tensor,
    ids: Tensor, labels: Tensor, E: Tensor, W: Tensor, w: Tensor, b: Tensor, U: Tensor, c: Tensor,
) -> Gradients:  # fmt: skip
    top, total = cross_entropy.shifted_sum_exp(z)
    dz = cross_entropy.label_subtracted(grad_loss, z, labels, top, total)["z"]
    of_output = linear.outer_product(dz, hidden, U, c)
    dn = through(of_output["x"], tanh.output_square(hidden))
    of_norm = batch_norm.saved_statistics(dn, mean, rstd, a, w, b)
    of_hidden = linear.outer_product(of_norm["x"], e, W)
    of_table = embedding.index_add(of_hidden["x"].reshape(*ids.shape, E.shape[1]), ids, E)
    layers = {"U": of_output["W"], "c": of_output["b"], "W": of_hidden["W"]}
    return {**layers, "w": of_norm["w"], "b": of_norm["b"], "E": of_table["W"]}


register(
    gradients=[by_parts],
    outputs=("loss",),
    edges={
        "one_id_for_all": Edge.zeros("ids"),
        "two_samples": Edge(shape={"N": 2}),
        "no_such_id": Edge.filled("ids", 1_000_000, raises=IndexError),
    },
    example=Example(shape={"N": 8, "k": 3, "d": 4, "h": 6, "V": 9}, upstream="ones"),
    latex=r"L = \mathrm{CE}(\tanh(\mathrm{BN}(E[\mathrm{ids}]\, W^\top))\, U^\top + c, t)",
    source="Bengio et al. (2003), section 2; Karpathy, makemore (2022), part 4",
)
