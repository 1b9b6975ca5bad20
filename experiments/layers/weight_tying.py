r"""One table as embedding and as output layer: z = tanh(W[ids]) W', as in language models.

    ids: (N)   W: (V, d)   h: (N, d)   z: (N, V)   g = dL/dz: (N, V)

    e = W[ids]     h = tanh(e)     z = h W'

W is used twice, and its gradient is the sum over both uses, each with the gradient of its own page:

    as output layer, `linear`:     g' h                               (V, d)
    as table, `embedding`:         rows of de, added up by id         (V, d),   de = (g W) (1 - h^2)

    dL/dW = g' h + the table's

Delicate: the second must be added and not assigned: whoever writes gradients into one buffer, parameter by
parameter, meets this one twice. The two differ in kind, dense and a few rows; the sum is dense.
"""

import torch
from torch import Tensor

from experiments.activations import tanh
from experiments.layers import embedding, linear
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register, through


def shapes(N: int, V: int, d: int) -> Sizes:
    return {"ids": (N,), "W": (V, d)}


def sample(rng: Draw, N: int, V: int) -> dict[str, Tensor]:
    return {"ids": rng.integers((N,), 0, V)}


@in_float32(saved=("h",))
def forward(ids: Tensor, W: Tensor) -> dict[str, Tensor]:
    h = torch.tanh(embedding.forward(ids, W))
    return {"z": linear.forward(h, W), "h": h}


def library(ids: Tensor, W: Tensor) -> Tensor:
    h = torch.tanh(torch.nn.functional.embedding(ids, W))
    return torch.nn.functional.linear(h, W)


@in_float32
def both_uses(grad_z: Tensor, h: Tensor, ids: Tensor, W: Tensor) -> Gradients:
    of_output = linear.outer_product(grad_z, h, W)
    de = through(of_output["x"], tanh.output_square(h))
    return {"W": of_output["W"] + embedding.index_add(de, ids, W)["W"]}


register(
    gradients=[both_uses],
    outputs=("z",),
    edges={
        "no_ids": Edge.empty("N"),
        "one_id_for_all": Edge.zeros("ids"),
        "negative_id": Edge.filled("ids", -1, raises=IndexError),
    },
    example=Example(shape={"N": 6, "V": 7, "d": 4}),
    latex=r"z = \tanh(H W)\, W^\top,\quad \nabla_W L = g^\top h + H^\top \nabla_e L",
    source="Press and Wolf, Using the Output Embedding to Improve Language Models (2017)",
)
