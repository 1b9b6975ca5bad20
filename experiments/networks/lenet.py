r"""A convolutional network: two times convolution, relu and pooling, then a linear layer and a cross entropy.

    x: (N, 1, *image)   W1: (A, 1, k, k)   b1: (A)   W2: (B, A, k, k)   b2: (B)   U: (C, B |places|)   c: (C)
    labels: (N)   L: ()   g = upstream of L

    p = max_pool2d(relu(conv2d(x, W1, b1)))     (N, A, ...)
    q = max_pool2d(relu(conv2d(p, W2, b2)))     (N, B, *places), and as rows (N, B |places|)
    z = q U' + c     L = cross_entropy(z, labels), the mean over N

Backward, each step with the gradient of its own page, from last to first: dz from `cross_entropy`; dq, dU,
dc from `linear`; and for each of the two stages

    of pooling: to the pixel that was the largest     of relu: above 0     of conv2d: dx, dW, db

Delicate: where relu has cut off a whole window, all of its pixels are 0, and pooling hands its gradient to
the first; relu then stops it there. In half precision everything between x and L is in float32, so that no
rounding chooses another pixel.
"""

import math

import torch
from torch import Tensor

from experiments.activations import relu
from experiments.convolution import conv2d, max_pool2d
from experiments.layers import linear
from experiments.losses import cross_entropy
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register, through

Stage = tuple[Tensor, Tensor, Tensor]  # relu's output, the largest pixels, and what pooling hands on


def shapes(N: int, A: int, B: int, C: int, image: list[int], k: int) -> Sizes:
    if len(image) != 2:
        raise ValueError(f"shape.image={image}: must be two sizes, as in [12,13]")
    places = [((size - k + 1) // 2 - k + 1) // 2 for size in image]
    if min(places) < 1:
        raise ValueError(
            f"shape.image={image}: two filters of {k} x {k} and two poolings leave nothing of it"
        )
    filters: Sizes = {"W1": (A, 1, k, k), "b1": (A,), "W2": (B, A, k, k), "b2": (B,)}
    head: Sizes = {"U": (C, B * math.prod(places)), "c": (C,), "labels": (N,)}
    return {"x": (N, 1, *image), **filters, **head}


def sample(rng: Draw, N: int, A: int, B: int, C: int, k: int) -> dict[str, Tensor]:
    """Draw filters that keep the size of what they are multiplied with."""
    W1, W2 = rng.normal((A, 1, k, k)) / k, rng.normal((B, A, k, k)) / (k * math.sqrt(max(A, 1)))
    return {"labels": rng.integers((N,), 0, C), "W1": W1, "W2": W2}


@in_float32(saved=("r1", "max1", "p", "r2", "max2", "q", "z"))
def forward(
    x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, U: Tensor, c: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    r1, max1, p = stage(x, W1, b1)
    r2, max2, q = stage(p, W2, b2)
    z = linear.forward(q.flatten(1), U, c)
    kept = {"r1": r1, "max1": max1, "p": p, "r2": r2, "max2": max2, "q": q}
    return {"loss": cross_entropy.forward(z, labels)["loss"], **kept, "z": z}


def library(
    x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, U: Tensor, c: Tensor, labels: Tensor
) -> Tensor:
    f = torch.nn.functional
    p = f.max_pool2d(f.relu(f.conv2d(x, W1, b1)), 2)
    q = f.max_pool2d(f.relu(f.conv2d(p, W2, b2)), 2)
    return f.cross_entropy(f.linear(q.flatten(1), U, c), labels)


@in_float32
def by_parts(
    grad_loss: Tensor, r1: Tensor, max1: Tensor, p: Tensor, r2: Tensor, max2: Tensor, q: Tensor, z: Tensor,
    x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, U: Tensor, c: Tensor, labels: Tensor,
) -> Gradients:  # fmt: skip
    top, total = cross_entropy.shifted_sum_exp(z)
    dz = cross_entropy.label_subtracted(grad_loss, z, labels, top, total)["z"]
    of_head = linear.outer_product(dz, q.flatten(1), U, c)
    of_2 = of_stage(of_head["x"].reshape(q.shape), r2, max2, p, W2, b2)
    of_1 = of_stage(of_2["x"], r1, max1, x, W1, b1)
    filters = {"W1": of_1["W"], "b1": of_1["b"], "W2": of_2["W"], "b2": of_2["b"]}
    return {"x": of_1["x"], **filters, "U": of_head["W"], "c": of_head["b"]}


def stage(x: Tensor, W: Tensor, b: Tensor) -> Stage:
    """Return what relu makes of the convolution, which pixels were the largest, and these."""
    r = relu.forward(conv2d.forward(x, W, b))
    pooled = max_pool2d.forward(r)
    return r, pooled["argmax"], pooled["y"]


def of_stage(grad: Tensor, r: Tensor, largest: Tensor, x: Tensor, W: Tensor, b: Tensor) -> Gradients:
    grad_r = max_pool2d.scattered(grad, largest, r)["x"]
    return conv2d.im2col(
        through(grad_r, relu.output_mask(r)), x, W, b, stride=1, padding=0, dilation=1, groups=1
    )


register(
    gradients=[by_parts],
    outputs=("loss",),
    edges={
        "one_sample": Edge(shape={"N": 1}),
        "dead_units": Edge(inputs=lambda b1: {"b1": 0 * b1 - 1000}),
    },
    example=Example(shape={"N": 3, "A": 2, "B": 3, "C": 4, "image": [11, 12], "k": 3}, upstream="ones"),
    latex=r"L = \mathrm{CE}(U\, "
    r"\mathrm{pool}(\mathrm{relu}(W_2 * \mathrm{pool}(\mathrm{relu}(W_1 * x)))) + c, t)",
    source="LeCun et al., Gradient-based learning applied to document recognition (1998)",
)
