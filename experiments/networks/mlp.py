r"""Multilayer perceptron of any depth: affine layers, and an activation f between each two.

    x = x_0: (N, n_0)   W_i: (n_i, n_i-1)   b_i: (n_i)   y: (N, n_k)   g = dL/dy: (N, n_k)
    x_i: (N, n_i), saved side by side as hidden: (N, n_1 + ... + n_k-1)

    a_i = x_i-1 W_i' + b_i     i = 1 ... k
    x_i = f(a_i)               i = 1 ... k-1,     y = a_k

The backward sweeps through the layers from last to first. With d_i = dL/da_i, which is g for i = k,

    dL/dW_i   = d_i' x_i-1                  (n_i, n_i-1)
    dL/db_i   = sum over N of d_i           (n_i)
    dL/dx_i-1 = d_i W_i                     (N, n_i-1), which is dL/dx for i = 1
    d_i-1     = dL/dx_i-1 * f'(a_i-1)       (N, n_i-1)

The first three are the gradients of `linear`, the last is that of the activation. Each f here tells its slope
from its value, as tanh' = 1 - tanh^2 does, so no a_i need be kept. `reverse_sweep` reads the hidden
activations that the forward saved; `recomputed` runs the layers once more and saves none.

Delicate: at relu's kink a rounded a_i can land on the other side, and its unit then passes all or nothing.
In half precision the layers therefore run in float32, hidden activations included.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor

from experiments.activations import relu, sigmoid, tanh
from experiments.layers import linear
from runner.formula import Edge, Example, Gradients, Sizes, Slope, in_float32, one_of, register, through

Layers = list[tuple[Tensor, Tensor]]  # W_i and b_i
Affine = Callable[[Tensor, Tensor, Tensor], Tensor]
Activation = Callable[[Tensor], Tensor]
Slopes = Callable[[Tensor], Slope]  # f'(a) from f(a)

ACTIVATIONS: dict[str, tuple[Activation, Slopes]] = {
    "relu": (torch.relu, relu.output_mask),
    "tanh": (torch.tanh, tanh.output_square),
    "sigmoid": (torch.sigmoid, sigmoid.output_product),
    "identity": (lambda a: a, lambda y: torch.ones_like(y)),
}


def shapes(layers: list[int], N: int) -> Sizes:
    if len(layers) < 2:
        raise ValueError(
            f"shape.layers={layers}: needs two sizes or more, that of the input first, as in [5,9,7]"
        )
    sizes: Sizes = {"x": (N, layers[0])}
    for i, (columns, rows) in enumerate(pairwise(layers), 1):
        sizes |= {f"W{i}": (rows, columns), f"b{i}": (rows,)}
    return sizes


@in_float32(saved=("hidden",))
def forward(
    x: Tensor, *, activation: Annotated[str, one_of(*ACTIVATIONS)] = "relu", **parameters: Tensor
) -> dict[str, Tensor]:
    *hidden, y = propagated(x, by_layer(parameters), activation, linear.forward)
    return {"y": y, "hidden": torch.cat([y[:, :0], *hidden], dim=1)}  # one layer hides nothing


def library(x: Tensor, *, activation: str = "relu", **parameters: Tensor) -> Tensor:
    return propagated(x, by_layer(parameters), activation, linear.library)[-1]


@in_float32
def reverse_sweep(
    grad_y: Tensor, hidden: Tensor, x: Tensor, *, activation: str, **parameters: Tensor
) -> Gradients:
    _, slope = ACTIVATIONS[activation]
    layers = by_layer(parameters)
    widths = [len(b) for _, b in layers[:-1]]
    received = [x, *torch.split(hidden, widths, dim=1)]  # x_0 ... x_k-1
    gradients: Gradients = {}
    delta = grad_y  # d_k
    for i, (W, b) in reversed(list(enumerate(layers, 1))):
        of_layer = linear.outer_product(delta, received[i - 1], W, b)
        gradients |= {f"W{i}": of_layer["W"], f"b{i}": of_layer["b"]}
        if i > 1:
            delta = through(of_layer["x"], slope(received[i - 1]))  # d_i-1
    return {**gradients, "x": of_layer["x"]}


@in_float32
def recomputed(grad_y: Tensor, x: Tensor, *, activation: str, **parameters: Tensor) -> Gradients:
    hidden = forward(x, activation=activation, **parameters)["hidden"]
    return reverse_sweep(grad_y, hidden, x, activation=activation, **parameters)


def propagated(x: Tensor, layers: Layers, activation: str, affine: Affine) -> list[Tensor]:
    """Return what each layer passes on: x_1 ... x_k-1, and y."""
    f, _ = ACTIVATIONS[activation]
    *inner, last = layers
    values = [x]
    for W, b in inner:
        values.append(f(affine(values[-1], W, b)))
    return [*values[1:], affine(values[-1], *last)]


def by_layer(parameters: dict[str, Tensor]) -> Layers:
    depth = len(parameters) // 2
    return [(parameters[f"W{i}"], parameters[f"b{i}"]) for i in range(1, depth + 1)]


register(
    gradients=[reverse_sweep, recomputed],
    edges={
        "one_layer": Edge(shape={"layers": [5, 3]}),
        "empty_batch": Edge.empty("N"),
        "dead_units": Edge(params={"activation": "relu"}, inputs=lambda x, b1: {"x": 0 * x, "b1": 0 * b1}),
        "saturated": Edge.scaled("x", 100, params={"activation": "tanh"}),
    },
    example=Example(shape={"layers": [5, 11, 7, 3], "N": 6}),
    latex=r"x_i = f(W_i x_{i-1} + b_i),\quad \delta_{i-1} = (W_i^\top \delta_i) \odot f'(a_{i-1}),\quad "
    r"\nabla_{W_i} L = \delta_i x_{i-1}^\top",
    source="Rumelhart, Hinton and Williams, Learning representations by back-propagating errors (1986)",
)
