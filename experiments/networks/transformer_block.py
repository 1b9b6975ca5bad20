r"""A block of a transformer, normalised in front: attention, then a perceptron, each added to its input.

    x, y: (N, T, D)   g = dL/dy: (N, T, D)   of attention W: (3 D, D), b: (3 D), U: (D, D), c: (D)
    of norms w1, b1, w2, b2: (D)   of the perceptron V1: (4 D, D), a1: (4 D), V2: (D, 4 D), a2: (D)

    s = x + multi_head_attention(layer_norm(x))                          (N, T, D)
    h = layer_norm(s) V1' + a1     y = s + gelu(h) V2' + a2              h: (N, T, 4 D)

The backward takes each step from last to first, each with the gradient of its own page. s and x are used
twice, by the branch and by the addition, and collect both:

    ds    = g  + layer_norm's gradient of (linear's of (gelu's of (linear's of g)))
    dL/dx = ds + layer_norm's gradient of (multi_head_attention's of ds)

Delicate: to assign where both uses must be added. What the forward saves: for each norm mean and rstd, of
attention its heads and probabilities, and h, the widest of all; gelu(h) is made again. gelu's slope takes
several tensors of the size of h: it is made for TILE rows at a time. What has gone on is let go (`pop`).
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from experiments.activations import gelu
from experiments.attention import multi_head_attention
from experiments.layers import linear
from experiments.normalisation import layer_norm
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, integer, register, through

EPS, TILE = 1e-5, 64
Approximation = gelu.Approximation
SAVED = ("mean1", "rstd1", "n1", "qkv", "o", "probabilities", "s", "mean2", "rstd2", "n2", "h")


def shapes(N: int, T: int, D: int, *, heads: int = 1) -> Sizes:
    attention = multi_head_attention.shapes(N, T, D, heads=heads)
    norms: Sizes = dict.fromkeys(("w1", "b1", "w2", "b2"), (D,))
    return {**attention, **norms, "V1": (4 * D, D), "a1": (4 * D,), "V2": (D, 4 * D), "a2": (D,)}


def sample(rng: Draw, D: int) -> dict[str, Tensor]:
    """Draw matrices that keep the size of what they are multiplied with."""
    wide = math.sqrt(max(D, 1))
    matrices = {"W": rng.normal((3 * D, D)), "U": rng.normal((D, D)), "V1": rng.normal((4 * D, D))}
    return {**{name: of / wide for name, of in matrices.items()}, "V2": rng.normal((D, 4 * D)) / (2 * wide)}


@in_float32(saved=SAVED)
def forward(
    x: Tensor, W: Tensor, b: Tensor, U: Tensor, c: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor,
    V1: Tensor, a1: Tensor, V2: Tensor, a2: Tensor, *,
    heads: Annotated[int, integer(1, 1, 2, 4)] = 1,
    approximate: Approximation = "tanh",
) -> dict[str, Tensor]:  # fmt: skip
    norm1 = layer_norm.forward(x, w1, b1, eps=EPS)
    of = multi_head_attention.forward(norm1["y"], W, b, U, c, heads=heads, mask="causal")
    s = x + of["y"]
    norm2 = layer_norm.forward(s, w2, b2, eps=EPS)
    h = linear.forward(norm2["y"], V1, a1)
    y = s + linear.forward(gelu.forward(h, approximate=approximate), V2, a2)
    first = {"mean1": norm1["mean"], "rstd1": norm1["rstd"], "n1": norm1["y"]}
    second = {"mean2": norm2["mean"], "rstd2": norm2["rstd"], "n2": norm2["y"]}
    attention = {name: of[name] for name in ("qkv", "o", "probabilities")}
    return {"y": y, **first, **attention, "s": s, **second, "h": h}


def library(
    x: Tensor, W: Tensor, b: Tensor, U: Tensor, c: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor,
    V1: Tensor, a1: Tensor, V2: Tensor, a2: Tensor, *, heads: int = 1, approximate: Approximation = "tanh",
) -> Tensor:  # fmt: skip
    f, D = torch.nn.functional, x.shape[-1:]
    normed = f.layer_norm(x, D, w1, b1, EPS)
    s = x + multi_head_attention.library(normed, W, b, U, c, heads=heads, mask="causal")
    h = f.linear(f.layer_norm(s, D, w2, b2, EPS), V1, a1)
    return s + f.linear(f.gelu(h, approximate=approximate), V2, a2)


@in_float32
def by_parts(
    grad_y: Tensor, mean1: Tensor, rstd1: Tensor, n1: Tensor, qkv: Tensor, o: Tensor, probabilities: Tensor,
    s: Tensor, mean2: Tensor, rstd2: Tensor, n2: Tensor, h: Tensor,
    x: Tensor, W: Tensor, b: Tensor, U: Tensor, c: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor,
    V1: Tensor, a1: Tensor, V2: Tensor, a2: Tensor, *, heads: int = 1, approximate: Approximation = "tanh",
) -> Gradients:  # fmt: skip
    perceptron = of_perceptron(grad_y, h, n2, V1, a1, V2, a2, approximate)
    of_norm2 = layer_norm.saved_statistics(perceptron.pop("x"), mean2, rstd2, s, w2, b2)
    ds = grad_y + of_norm2.pop("x")
    of_heads = multi_head_attention.by_parts(ds, qkv, o, probabilities, n1, W, b, U, c, heads=heads)
    of_norm1 = layer_norm.saved_statistics(of_heads.pop("x"), mean1, rstd1, x, w1, b1)
    norms = {"w1": of_norm1["w"], "b1": of_norm1["b"], "w2": of_norm2["w"], "b2": of_norm2["b"]}
    return {"x": ds + of_norm1["x"], **of_heads, **norms, **perceptron}


def of_perceptron(
    grad_y: Tensor, h: Tensor, n2: Tensor, V1: Tensor, a1: Tensor, V2: Tensor, a2: Tensor,
    approximate: Approximation,
) -> Gradients:  # fmt: skip
    """Return the gradients of gelu(h) V2' + a2, with h = n2 V1' + a1; `x` is that of n2."""
    of_V2 = linear.of_parameters(grad_y, gelu.forward(h, approximate=approximate), a2)
    tiles = zip(*(torch.split(linear.rows(of), TILE) for of in (grad_y, h)), strict=True)
    dh = torch.cat([through(g @ V2, gelu.product_rule(t, approximate=approximate)) for g, t in tiles])
    of_V1 = linear.outer_product(dh.reshape(h.shape), n2, V1, a1)
    return {"x": of_V1["x"], "V1": of_V1["W"], "a1": of_V1["b"], "V2": of_V2["W"], "a2": of_V2["b"]}


register(
    gradients=[by_parts],
    edges={
        "one_position": Edge(shape={"T": 1}),
        "silent_branches": Edge(inputs=lambda U, V2: {"U": 0 * U, "V2": 0 * V2}),
    },
    example=Example(shape={"N": 2, "T": 5, "D": 8}, params={"heads": 2}),
    latex=r"s = x + \mathrm{MHA}(\mathrm{LN}(x)),\ y = s + V_2\, \mathrm{gelu}(V_1 \mathrm{LN}(s)),\quad "
    r"\nabla_x L = \nabla_s L + J_{\mathrm{MHA} \circ \mathrm{LN}}^\top \nabla_s L",
    source="Radford et al., GPT-2 (2019), section 2.3; Xiong et al., On Layer Normalization (2020)",
)
