r"""One step of a gated recurrent unit (GRU), with PyTorch's gates r, z, n and its place of the reset gate.

    x: (N, D)   h: (N, H)   W: (3H, D)   U: (3H, H)   b, c: (3H)
    r, z, n, m, h_next: (N, H)   g = dL/dh_next: (N, H)

With the logistic sigmoid s, * for the product of elements, and both maps in blocks (r, z, n),

    a = x W' + b     u = h U' + c             (N, 3H)
    r = s(a_r + u_r)     z = s(a_z + u_z)     reset, and update
    n = tanh(a_n + r * m),     m = u_n        the candidate
    h_next = (1 - z) * n + z * h

The backward takes the lines from last to first, with s' = s (1 - s) and tanh' = 1 - tanh^2:

    dn = g * (1 - z)      dz = g * (h - n)
    da_n = dn * (1 - n^2)     dr = da_n * m     du_n = da_n * r
    da_r = du_r = dr * r (1 - r)     da_z = du_z = dz * z (1 - z)

    dL/dx = da W     dL/dW = da' x     dL/db = sum over N of da
    dL/dh = du U + g * z     dL/dU = du' h     dL/dc = sum over N of du

h reaches h_next by itself and through u, and collects both.

`gates` keeps r, z, n and m, 4 N H numbers. `recomputed` keeps none, and makes them again in two products.

Delicate: the reset gate multiplies after the product with U, bias and all, so that b and c are two biases.
The paper has it before, tanh(W x + U (r * h)): another function, whose gradient is another. `library` is
torch.gru_cell.
"""

import torch
from torch import Tensor

from experiments.activations import sigmoid, tanh
from experiments.layers import linear
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register, through

SAVED = ("r", "z", "n", "m")


def shapes(N: int, D: int, H: int) -> Sizes:
    return {"x": (N, D), "h": (N, H), "W": (3 * H, D), "U": (3 * H, H), "b": (3 * H,), "c": (3 * H,)}


@in_float32(saved=SAVED)
def forward(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, c: Tensor) -> dict[str, Tensor]:
    a_r, a_z, a_n = linear.forward(x, W, b).chunk(3, dim=1)
    u_r, u_z, m = linear.forward(h, U, c).chunk(3, dim=1)
    r, z = torch.sigmoid(a_r + u_r), torch.sigmoid(a_z + u_z)
    n = torch.tanh(a_n + r * m)
    return {"h_next": (1 - z) * n + z * h, "r": r, "z": z, "n": n, "m": m}


def library(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.gru_cell(x, h, W, U, b, c)


@in_float32
def gates(
    grad_h_next: Tensor, r: Tensor, z: Tensor, n: Tensor, m: Tensor,
    x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, c: Tensor,
) -> Gradients:  # fmt: skip
    da_n = through(grad_h_next * (1 - z), tanh.output_square(n))
    da_z = through(grad_h_next * (h - n), sigmoid.output_product(z))
    da_r = through(da_n * m, sigmoid.output_product(r))
    da = torch.cat([da_r, da_z, da_n], dim=1)  # (N, 3H)
    du = torch.cat([da_r, da_z, da_n * r], dim=1)
    of_x, of_h = linear.outer_product(da, x, W, b), linear.outer_product(du, h, U, c)
    return {**of_x, "h": of_h["x"] + grad_h_next * z, "U": of_h["W"], "c": of_h["b"]}


@in_float32
def recomputed(
    grad_h_next: Tensor, x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, c: Tensor
) -> Gradients:
    made = forward(x, h, W, U, b, c)
    kept = {name: made[name] for name in SAVED}
    return gates(grad_h_next, **kept, x=x, h=h, W=W, U=U, b=b, c=c)


register(
    gradients=[gates, recomputed],
    outputs=("h_next",),
    edges={
        "empty_batch": Edge.empty("N"),
        "saturated_gates": Edge.scaled("b", 100),
        "no_state": Edge.zeros("h"),
    },
    example=Example(shape={"N": 3, "D": 7, "H": 5}),
    latex=r"h^+ = (1 - z) \odot n + z \odot h,\quad n = \tanh(a_n + r \odot m),\quad "
    r"\nabla_z L = g \odot (h - n)",
    source="Cho et al. (2014); with the reset gate after the product: cuDNN, torch.nn.GRUCell",
)
