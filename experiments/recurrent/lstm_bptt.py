r"""A long short-term memory (LSTM) in time: `lstm_step` at each position, with one set of weights.

    x: (N, T, D)   h0, c0: (N, H)   W: (4H, D)   U: (4H, H)   b: (4H)   h: (N, T, H), c_T: (N, H)
    G = dL/dh: (N, T, H)   Gc = dL/dc_T: (N, H)

    h_t, c_t = lstm_step(x_t, h_t-1, c_t-1)     t = 1 ... T

Both h_t and c_t go on into the next step, and h_t is an output besides. The sweep carries the gradients of
both from the last step to the first, beginning with dh = 0 and dc = Gc:

    dx_t, dh, dc = lstm_step's gradients of (G_t + dh, dc)

and after the first step they are dL/dh0 and dL/dc0. W, U and b get a term from every step.

`through_time` adds these terms up as it goes. `stacked` takes da of each step only, and da U, which is all
that the next one waits for; the rest is one product over N T rows, as for a `linear` layer.

Delicate: dc passes a step by the forget gate alone, with no tanh and no matrix in between, and does not
vanish while that is open; dh goes through U. To drop either, or G_t of any step, is right at T = 1. The
sums over steps are in float32 in half precision.
"""

import torch
from torch import Tensor

from experiments.layers import linear
from experiments.recurrent import lstm_step
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register

SAVED = ("i", "f", "g", "o", "t")  # of each step: (N, T, H)


def shapes(N: int, T: int, D: int, H: int) -> Sizes:
    weights: Sizes = {"W": (4 * H, D), "U": (4 * H, H), "b": (4 * H,)}
    return {"x": (N, T, D), "h0": (N, H), "c0": (N, H), **weights}


@in_float32(saved=("states", "memories", *SAVED))
def forward(x: Tensor, h0: Tensor, c0: Tensor, W: Tensor, U: Tensor, b: Tensor) -> dict[str, Tensor]:
    h, c, steps = [h0], [c0], []
    for t in range(x.shape[1]):
        step = lstm_step.forward(x[:, t], h[-1], c[-1], W, U, b)
        h.append(step["h_next"])
        c.append(step["c_next"])
        steps.append(step)
    saved = {name: torch.stack([step[name] for step in steps], dim=1) for name in SAVED}
    states = {"states": torch.stack(h, dim=1), "memories": torch.stack(c, dim=1)}  # with h0 and c0
    return {"h": states["states"][:, 1:], "c_T": c[-1], **states, **saved}


def library(x: Tensor, h0: Tensor, c0: Tensor, W: Tensor, U: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    weights = [W, U, b, torch.zeros_like(b)]
    h, _, c = torch.lstm(x, [h0[None], c0[None]], weights, True, 1, 0.0, False, False, True)
    return h, c[0]


@in_float32
def through_time(
    grad_h: Tensor, grad_c_T: Tensor, states: Tensor, memories: Tensor,
    i: Tensor, f: Tensor, g: Tensor, o: Tensor, t: Tensor,
    x: Tensor, h0: Tensor, c0: Tensor, W: Tensor, U: Tensor, b: Tensor,
) -> Gradients:  # fmt: skip
    total = {name: torch.zeros_like(of) for name, of in {"x": x, "W": W, "U": U, "b": b}.items()}
    dh, dc = torch.zeros_like(h0), grad_c_T
    for n in reversed(range(x.shape[1])):
        kept = {"i": i, "f": f, "g": g, "o": o, "t": t, "x": x, "h": states, "c": memories}
        now = {name: value[:, n] for name, value in kept.items()}
        step = lstm_step.gates(grad_h[:, n] + dh, dc, **now, W=W, U=U, b=b)
        dh, dc, total["x"][:, n] = step["h"], step["c"], step["x"]
        for name in ("W", "U", "b"):
            total[name] += step[name]
    return {**total, "h0": dh, "c0": dc}


@in_float32
def stacked(
    grad_h: Tensor, grad_c_T: Tensor, states: Tensor, memories: Tensor,
    i: Tensor, f: Tensor, g: Tensor, o: Tensor, t: Tensor,
    x: Tensor, h0: Tensor, c0: Tensor, W: Tensor, U: Tensor, b: Tensor,
) -> Gradients:  # fmt: skip
    dh, dc, steps = torch.zeros_like(h0), grad_c_T, []
    for n in reversed(range(x.shape[1])):
        now = (value[:, n] for value in (i, f, g, o, t, memories))
        da, dc = lstm_step.by_gate(grad_h[:, n] + dh, dc, *now)
        dh, dc = da @ U, dc * f[:, n]
        steps.append(da)
    da = torch.stack(steps[::-1], dim=1)  # (N, T, 4 H)
    of_input, of_state = linear.outer_product(da, x, W, b), linear.outer_product(da, states[:, :-1], U)
    return {**of_input, "U": of_state["W"], "h0": dh, "c0": dc}


register(
    gradients=[through_time, stacked],
    outputs=("h", "c_T"),
    edges={
        "empty_batch": Edge.empty("N"),
        "one_step": Edge(shape={"T": 1}),
        "saturated_gates": Edge.scaled("b", 100),
    },
    example=Example(shape={"N": 3, "T": 5, "D": 4, "H": 3}),
    latex=r"(h_t, c_t) = \mathrm{step}(x_t, h_{t-1}, c_{t-1}),\quad "
    r"\nabla_{h_t} L = G_t + \delta h_{t+1},\quad \nabla_{c_t} L = \delta c_{t+1} + \ldots",
    source="Hochreiter and Schmidhuber (1997); Graves (2012), section 4.6",
)
