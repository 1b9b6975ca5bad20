r"""A recurrent network in time: h_t = tanh(W x_t + U h_t-1 + b), t = 1 ... T.

    x: (N, T, D)   h0: (N, H)   W: (H, D)   U: (H, H)   b: (H)   h: (N, T, H)   G = dL/dh: (N, T, H)

Every h_t is an output, with an upstream gradient G_t of its own, and goes on into the next step. So its
gradient collects both, and the sweep runs from the last step to the first, with c = 0 behind the last:

    dh_t = G_t + c                   what the loss sees of h_t, and what the next step sent back
    da_t = dh_t (1 - h_t^2)          of the argument of tanh
    c    = da_t U                    to h_t-1; after the first step this is dL/dh0

All steps share W, U and b, and each adds a term to their gradients. With steps stacked these are the
gradients of `linear`:

    dL/dx = da W     dL/dW = sum_nt da x'     dL/dU = sum_nt da h_t-1'     dL/db = sum_nt da

Delicate: to forget G_t at any step but the last, as for a loss of the last state alone; an upstream
gradient at one step shows it. c is multiplied by U and a slope below 1 in each step: over a long time it
vanishes or explodes, and is kept in float32 in half precision.
"""

import torch
from torch import Tensor

from experiments.activations import tanh
from experiments.layers import linear
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register, through


def shapes(N: int, T: int, D: int, H: int) -> Sizes:
    return {"x": (N, T, D), "h0": (N, H), "W": (H, D), "U": (H, H), "b": (H,)}


@in_float32(saved=("states",))
def forward(x: Tensor, h0: Tensor, W: Tensor, U: Tensor, b: Tensor) -> dict[str, Tensor]:
    states, inputs = [h0], linear.forward(x, W, b)
    for t in range(x.shape[1]):
        states.append(torch.tanh(inputs[:, t] + linear.forward(states[-1], U)))
    return {"h": torch.stack(states[1:], dim=1), "states": torch.stack(states, dim=1)}  # with h0


def library(x: Tensor, h0: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    h, _ = torch.rnn_tanh(x, h0[None], [W, U, b, torch.zeros_like(b)], True, 1, 0.0, False, False, True)
    return h


@in_float32
def through_time(
    grad_h: Tensor, states: Tensor, x: Tensor, h0: Tensor, W: Tensor, U: Tensor, b: Tensor
) -> Gradients:
    before, h = states[:, :-1], states[:, 1:]
    da, carried = torch.zeros_like(h), torch.zeros_like(h0)
    for t in reversed(range(h.shape[1])):
        da[:, t] = step = through(grad_h[:, t] + carried, tanh.output_square(h[:, t]))
        carried = step @ U
    of_input, of_state = linear.outer_product(da, x, W, b), linear.outer_product(da, before, U)
    return {**of_input, "U": of_state["W"], "h0": carried}


register(
    gradients=[through_time],
    outputs=("h",),
    edges={
        "empty_batch": Edge.empty("N"),
        "one_step": Edge(shape={"T": 1}),
        "saturated": Edge.scaled("b", 100),
        "no_memory": Edge.zeros("U"),
    },
    example=Example(shape={"N": 3, "T": 6, "D": 4, "H": 5}),
    latex=r"h_t = \tanh(W x_t + U h_{t-1} + b),\quad \nabla_{h_t} L = G_t + U^\top \nabla_{a_{t+1}} L",
    source="Werbos, Backpropagation through time (1990); Goodfellow et al. (2016), section 10.2.2",
)
