r"""GPT-2: the loss of a language model, from token ids on, with one table as embedding and as output layer.

    ids, labels: (N, T)   E: (V, D)   P: (T, D)   w, b: (D)   of block i = 1 ... layers: W_i, b_i, ... as in
    `transformer_block`   z: (N T, V)   L: ()   g = upstream of L

    x_0 = E[ids] + P                          (N, T, D)
    x_i = transformer_block(x_i-1)            i = 1 ... layers
    n   = layer_norm(x_layers)     z = n E'     L = cross_entropy(z, labels), the mean over N T

Backward, each line with the gradient of its own page, from last to first:

    dz  from `cross_entropy`     dn = dz E     dx_layers from `layer_norm`
    dx_i-1, and all parameters of block i, from `transformer_block`
    dL/dP = sum over N of dx_0
    dL/dE = dz' n + rows of dx_0, added up by id

E is used at both ends, and the sweep meets it first as output layer: that part must wait for the other and
be added to it.

What the forward saves of a block is saved for all blocks in one tensor each, the block's number first.

Delicate: the table's part of dL/dE touches a few rows often, in half precision too often for its digits;
all between ids and L is in float32. Positions are counted from 0 in each row; a batch shares them.
"""

from typing import Annotated

import torch
from torch import Tensor

from experiments.activations.gelu import Approximation
from experiments.layers import embedding, linear
from experiments.losses import cross_entropy
from experiments.networks import transformer_block
from experiments.normalisation import layer_norm
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, integer, register

DEEPEST = 48
SAVED = tuple(f"all_{name}" for name in transformer_block.SAVED)


def shapes(layers: int, N: int, T: int, D: int, V: int, *, heads: int = 1) -> Sizes:
    if not 1 <= layers <= DEEPEST:
        raise ValueError(f"shape.layers={layers}: must be from 1 to {DEEPEST}, as the largest GPT-2 has")
    of_block = transformer_block.shapes(N, T, D, heads=heads)
    del of_block["x"]
    blocks = {f"{name}_{i}": size for i in range(1, layers + 1) for name, size in of_block.items()}
    return {"ids": (N, T), "labels": (N, T), "E": (V, D), "P": (T, D), **blocks, "w": (D,), "b": (D,)}


def sample(rng: Draw, layers: int, N: int, T: int, D: int, V: int) -> dict[str, Tensor]:
    blocks = {
        f"{name}_{i}": matrix
        for i in range(1, layers + 1)
        for name, matrix in transformer_block.sample(rng, D).items()
    }
    return {"ids": rng.integers((N, T), 0, V), "labels": rng.integers((N, T), 0, V), **blocks}


@in_float32(saved=("n", "mean", "rstd", "states", *SAVED))
def forward(
    ids: Tensor, labels: Tensor, E: Tensor, P: Tensor, w: Tensor, b: Tensor, *,
    heads: Annotated[int, integer(1, 1, 2, 4)] = 1, approximate: Approximation = "tanh", **parameters: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    states, kept = [embedding.forward(ids, E) + P], []
    for block in by_block(parameters):
        made = transformer_block.forward(states[-1], **block, heads=heads, approximate=approximate)
        states.append(made.pop("y"))
        kept.append(made)
    norm = layer_norm.forward(states[-1], w, b, eps=transformer_block.EPS)
    loss = cross_entropy.forward(linear.rows(norm["y"]) @ E.T, labels.flatten())["loss"]
    saved = {f"all_{name}": torch.stack([of[name] for of in kept]) for name in transformer_block.SAVED}
    final = {"n": norm["y"], "mean": norm["mean"], "rstd": norm["rstd"]}
    return {"loss": loss, **final, "states": torch.stack(states), **saved}


def library(
    ids: Tensor, labels: Tensor, E: Tensor, P: Tensor, w: Tensor, b: Tensor,
    *, heads: int = 1, approximate: Approximation = "tanh", **parameters: Tensor,
) -> Tensor:  # fmt: skip
    f, x = torch.nn.functional, torch.nn.functional.embedding(ids, E) + P
    for of_block in by_block(parameters):
        x = transformer_block.library(x, **of_block, heads=heads, approximate=approximate)
    n = f.layer_norm(x, x.shape[-1:], w, b, transformer_block.EPS)
    return f.cross_entropy(f.linear(n, E).flatten(0, 1), labels.flatten())


@in_float32
def reverse_sweep(
    grad_loss: Tensor, n: Tensor, mean: Tensor, rstd: Tensor, states: Tensor,
    all_mean1: Tensor, all_rstd1: Tensor, all_n1: Tensor,
    all_qkv: Tensor, all_o: Tensor, all_probabilities: Tensor, all_s: Tensor,
    all_mean2: Tensor, all_rstd2: Tensor, all_n2: Tensor, all_h: Tensor,
    ids: Tensor, labels: Tensor, E: Tensor, P: Tensor, w: Tensor, b: Tensor,
    *, heads: int = 1, approximate: Approximation = "tanh", **parameters: Tensor,
) -> Gradients:  # fmt: skip
    everything = (
        all_mean1, all_rstd1, all_n1, all_qkv, all_o, all_probabilities, all_s,
        all_mean2, all_rstd2, all_n2, all_h,
    )  # fmt: skip
    of_head = of_tied_head(grad_loss, linear.rows(n), labels.flatten(), E)
    of_norm = layer_norm.saved_statistics(of_head.pop("n").reshape(n.shape), mean, rstd, states[-1], w, b)
    dx, gradients = of_norm.pop("x"), of_norm
    for i, block in reversed([*enumerate(by_block(parameters))]):
        saved = dict(zip(transformer_block.SAVED, (of[i] for of in everything), strict=True))
        of_block = transformer_block.by_parts(
            dx, **saved, x=states[i], **block, heads=heads, approximate=approximate
        )
        dx = of_block.pop("x")
        gradients |= {f"{name}_{i + 1}": grad for name, grad in of_block.items()}
    by_table = embedding.index_add(dx, ids, E)["W"]
    return {**gradients, "P": dx.sum(dim=0), "E": of_head["E"] + by_table}


def of_tied_head(grad_loss: Tensor, n: Tensor, labels: Tensor, E: Tensor) -> Gradients:
    """Return what n and E get of cross_entropy(n E', labels)."""
    z = n @ E.T
    dz = cross_entropy.label_subtracted(grad_loss, z, labels, *cross_entropy.shifted_sum_exp(z))["z"]
    return {"n": dz @ E, "E": dz.T @ n}


def by_block(parameters: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return the parameters of each block by the names that `transformer_block` has for them."""
    layers = len(parameters) // 12
    split = [name.rpartition("_") for name in parameters]
    return [
        {name: parameters[f"{name}_{i}"] for name, _, number in split if number == str(i)}
        for i in range(1, layers + 1)
    ]


register(
    gradients=[reverse_sweep],
    outputs=("loss",),
    edges={
        "one_position": Edge(shape={"T": 1}),
        "one_block": Edge(shape={"layers": 1}),
        "one_id_for_all": Edge.zeros("ids"),
        "no_such_id": Edge.filled("ids", 1_000_000, raises=IndexError),
    },
    example=Example(
        shape={"layers": 2, "N": 2, "T": 5, "D": 8, "V": 11}, params={"heads": 2}, upstream="ones"
    ),
    latex=r"L = \mathrm{CE}(\mathrm{LN}(B_L \cdots B_1(H E + P))\, E^\top, t),\quad "
    r"\nabla_E L = \delta_z^\top n + H^\top \delta_0",
    source="Radford et al., Language models are unsupervised multitask learners (2019)",
)
