r"""One step of a long short-term memory (LSTM), with PyTorch's order of the gates: i, f, g, o.

    x: (N, D)   h, c: (N, H)   W: (4H, D)   U: (4H, H)   b: (4H)   i, f, g, o, t, h_next, c_next: (N, H)

One affine map makes the four gates. With the logistic sigmoid s, and * for the product of elements,

    a = x W' + h U' + b                               (N, 4H), in blocks a_i, a_f, a_g, a_o
    i = s(a_i)   f = s(a_f)   g = tanh(a_g)   o = s(a_o)
    c_next = f * c + i * g                            the memory: what is kept, and what is added
    h_next = o * t,   t = tanh(c_next)                what the step shows of it

Both outputs have an upstream gradient, Gh and Gc. The memory reaches the loss by itself and through h_next,
so its gradient collects both before it goes on to the factors of c_next:

    dc = Gc + Gh * o * (1 - t^2)
    di = dc * g     df = dc * c     dg = dc * i     do = Gh * t     dL/dc = dc * f

Each gate tells its own slope, s' = s (1 - s) or tanh' = 1 - tanh^2, which turns di, df, dg and do into the
blocks of da: (N, 4H). Two affine maps that share a bias take it from there:

    dL/dx = da W     dL/dW = da' x     dL/dh = da U     dL/dU = da' h     dL/db = sum over N of da

Delicate: the slope of a saturated gate cancels, and a gate in half precision has few digits to cancel from.
There the step runs in float32, saved gates included, and rounds only what it returns.
"""

import torch
from torch import Tensor

from experiments.activations import sigmoid, tanh
from experiments.layers import linear
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register, through


def shapes(N: int, D: int, H: int) -> Sizes:
    return {"x": (N, D), "h": (N, H), "c": (N, H), "W": (4 * H, D), "U": (4 * H, H), "b": (4 * H,)}


@in_float32(saved=("i", "f", "g", "o", "t"))
def forward(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> dict[str, Tensor]:
    a = linear.forward(x, W, b) + linear.forward(h, U)
    a_i, a_f, a_g, a_o = a.chunk(4, dim=1)
    i, f, g, o = torch.sigmoid(a_i), torch.sigmoid(a_f), torch.tanh(a_g), torch.sigmoid(a_o)
    c_next = f * c + i * g
    t = torch.tanh(c_next)
    return {"h_next": o * t, "c_next": c_next, "i": i, "f": f, "g": g, "o": o, "t": t}


def library(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    h_next, c_next = torch.lstm_cell(x, (h, c), W, U, b, torch.zeros_like(b))
    return h_next, c_next


@in_float32
def gates(
    grad_h_next: Tensor, grad_c_next: Tensor, i: Tensor, f: Tensor, g: Tensor, o: Tensor, t: Tensor,
    x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor,
) -> Gradients:  # fmt: skip
    grad_a, grad_c = by_gate(grad_h_next, grad_c_next, i, f, g, o, t, c)
    of_x, of_h = linear.outer_product(grad_a, x, W, b), linear.outer_product(grad_a, h, U)
    return {**of_x, "h": of_h["x"], "U": of_h["W"], "c": grad_c * f}


def by_gate(
    grad_h_next: Tensor, grad_c_next: Tensor, i: Tensor, f: Tensor, g: Tensor, o: Tensor, t: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    """Return da, (N, 4H), and dc, (N, H)."""
    grad_c = grad_c_next + through(grad_h_next * o, tanh.output_square(t))  # dc
    blocks = [
        through(grad_c * g, sigmoid.output_product(i)),  # da_i
        through(grad_c * c, sigmoid.output_product(f)),  # da_f
        through(grad_c * i, tanh.output_square(g)),  # da_g
        through(grad_h_next * t, sigmoid.output_product(o)),  # da_o
    ]
    return torch.cat(blocks, dim=1), grad_c


register(
    gradients=[gates],
    outputs=("h_next", "c_next"),
    edges={"empty_batch": Edge.empty("N"), "saturated_gates": Edge.scaled("b", 100)},
    example=Example(shape={"N": 3, "D": 7, "H": 5}),
    latex=r"c^+ = f \odot c + i \odot g,\ h^+ = o \odot \tanh c^+,\quad "
    r"\nabla_{c^+} L = G_c + G_h \odot o \odot (1 - \tanh^2 c^+)",
    source="Hochreiter and Schmidhuber (1997); forget gate: Gers, Schmidhuber and Cummins (2000)",
)
