r"""Linear recurrence, the core of state-space models: h_t = a_t h_t-1 + b_t, element by element.

    a, b: (T, n)   h0: (n)   h: (T, n)   G = dL/dh: (T, n)

h_t is an output and goes on into h_t+1, so with d_t for its gradient and d_T+1 = 0,

    d_t = G_t + a_t+1 d_t+1           the same recurrence, from last to first
    dL/db_t = d_t     dL/da_t = d_t h_t-1     dL/dh0 = a_1 d_1

`sequential` walks through it in T steps. `parallel_scan` needs log2 T, each over all positions at once. A
stretch of steps is one step, h = A h' + B of the state h' before it, and two stretches in a row are again
one:

    (A2, B2) after (A1, B1) = (A2 A1, A2 B1 + B2)

It joins each position with the stretch that ends 1, 2, 4, ... positions before, until all stretches begin
at the start.

Delicate: the coefficient shifts by one place, a_t+1 for d_t and not a_t. Products of many a underflow to 0,
which is right: what would be wrong is to divide by them, as a cumulative product does that is "undone"
later. Half precision is kept in float32, h0 and all.
"""

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(T: int, n: int) -> Sizes:
    return {"a": (T, n), "b": (T, n), "h0": (n,)}


@in_float32(saved=("before",))
def forward(a: Tensor, b: Tensor, h0: Tensor) -> dict[str, Tensor]:
    states = [h0]
    for t in range(len(a)):
        states.append(a[t] * states[-1] + b[t])
    return {"h": torch.stack(states[1:]), "before": torch.stack(states[:-1])}  # before: h_t-1


@in_float32
def sequential(grad_h: Tensor, before: Tensor, a: Tensor, h0: Tensor) -> Gradients:
    d, carried = torch.zeros_like(a), torch.zeros_like(h0)
    for t in reversed(range(len(a))):
        d[t] = step = grad_h[t] + carried
        carried = a[t] * step
    return {"b": d, "a": d * before, "h0": carried}


@in_float32
def parallel_scan(grad_h: Tensor, before: Tensor, a: Tensor, h0: Tensor) -> Gradients:
    following = torch.cat([a[1:], torch.zeros_like(a[:1])])  # a_t+1
    d = scan(following.flip(0), grad_h.flip(0)).flip(0)
    return {"b": d, "a": d * before, "h0": a[0] * d[0]}


def scan(A: Tensor, B: Tensor) -> Tensor:
    """Return h_t = A_t h_t-1 + B_t with h_0 = 0, by doubling: (T, n)."""
    reach = 1
    while reach < len(A):
        joined = A[reach:] * B[:-reach] + B[reach:]
        A, B = torch.cat([A[:reach], A[reach:] * A[:-reach]]), torch.cat([B[:reach], joined])
        reach *= 2
    return B


register(
    gradients=[sequential, parallel_scan],
    outputs=("h",),
    edges={
        "no_numbers": Edge.empty("n"),
        "one_step": Edge(shape={"T": 1}),
        "forgets_all": Edge.zeros("a"),
        "forgets_nothing": Edge.filled("a", 1),
        "underflows": Edge.filled("a", 1e-30),
    },
    example=Example(shape={"T": 9, "n": 4}, distribution="uniform"),
    latex=r"h_t = a_t h_{t-1} + b_t,\quad \delta_t = G_t + a_{t+1} \delta_{t+1},\quad "
    r"\nabla_{a_t} L = \delta_t h_{t-1}",
    source="Blelloch, Prefix sums (1990), section 1.4; Martin and Cundy (2018), section 2",
)
