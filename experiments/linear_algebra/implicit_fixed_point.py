r"""Fixed point of a layer, the output of a network of infinite depth: z = tanh(W z + U x + b).

    x: (N, d)   W: (n, n)   U: (n, d)   b: (n)   z: (N, n)   g = dL/dz: (N, n)

With a = W z + U x + b and D = diag(1 - z^2), the slope of tanh, the differential of both sides is

    dz = D (W dz + dW z + U dx + dU x + db)     so     (I - D W) dz = D (dW z + U dx + dU x + db)

which is the implicit function theorem. With dL = <g, dz>, the matrix moves to the other side transposed:

    (I - W' D) u = g     v = D u                            u, v: (N, n), one system for each row of x
    dL/dW = v' z     dL/dU = v' x     dL/db = sum of v     dL/dx = v U          of `linear`

Nothing is kept of the way to z, which autograd walks back step by step: any solver may have gone it.

`by_solving` factors I - W' D, n^3 for each row. `by_iterating` finds u = g + W' D u as the forward finds z,
by repetition; it converges as the forward does, since W' D has the eigenvalues of D W.

Delicate: I - D W is singular where two fixed points meet, and near that u grows without bound. The forward is
a solver that stops: 50 steps, each of which shrinks the error to half or less, leave 1e-15 of it, and 50
times that in what autograd makes of them. More is left where a sum over rows cancels, and `tolerance`, 1e-10,
asks for no more of a gradient. A solver that stops as soon as z stands still takes no step where it begins at
the fixed point, as for x = 0 and b = 0; its z is right, and what autograd makes of it is not. Half precision
is computed in float32.

Edges: a W that does not contract may have no fixed point that repetition finds: ArithmeticError.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from experiments.activations import tanh
from experiments.layers import linear
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, register, through

STEPS = 50


def shapes(N: int, d: int, n: int) -> Sizes:
    return {"x": (N, d), "W": (n, n), "U": (n, d), "b": (n,)}


def sample(rng: Draw, n: int) -> dict[str, Tensor]:
    """Draw a W whose largest singular value is 1/2: each step halves the error."""
    W = rng.normal((n, n))
    return {"W": W / (2 * torch.linalg.matrix_norm(W, 2))}


@in_float32
def forward(x: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    inputs = linear.forward(x, U, b)
    return repeated(lambda z: torch.tanh(linear.forward(z, W) + inputs), torch.zeros_like(inputs))


@in_float32
def by_solving(grad_z: Tensor, z: Tensor, x: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Gradients:
    slope = tanh.output_square(z)
    system = torch.eye(len(W), dtype=W.dtype, device=W.device) - W.mT * slope[:, None]  # I - W' D, (N, n, n)
    return of_all(through(torch.linalg.solve(system, grad_z), slope), z, x, W, U, b)


@in_float32
def by_iterating(grad_z: Tensor, z: Tensor, x: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Gradients:
    slope = tanh.output_square(z)
    u = repeated(lambda u: grad_z + through(u, slope) @ W, grad_z)
    return of_all(through(u, slope), z, x, W, U, b)


def repeated(step: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Take all steps; raises ArithmeticError where the last one still changes more than rounding does."""
    before = z
    for _ in range(STEPS):
        before, z = z, step(z)
    if (change := largest(z - before)) > 1e-4 * largest(z):
        raise ArithmeticError(f"no fixed point in {STEPS} steps: the last one still moved it by {change:g}")
    return z


def largest(z: Tensor) -> float:
    """Return the largest finite number, or 0."""
    return float(z.detach().nan_to_num(0, 0, 0).abs().max()) if z.numel() else 0.0


def of_all(v: Tensor, z: Tensor, x: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Gradients:
    of_input = linear.outer_product(v, x, U, b)
    return {"x": of_input["x"], "U": of_input["W"], "b": of_input["b"], "W": v.T @ z}


register(
    gradients=[by_solving, by_iterating],
    outputs=("z",),
    tolerance=1e-10,
    edges={
        "empty_batch": Edge.empty("N"),
        "no_feedback": Edge.zeros("W"),
        "saturated": Edge.scaled("b", 100),
        "no_rest": Edge(
            inputs=lambda x, W: {"x": 0 * x, "W": -3 * torch.eye(len(W)).to(W)}, raises=ArithmeticError
        ),
    },
    example=Example(shape={"N": 3, "d": 4, "n": 5}),
    latex=r"z = \tanh(W z + U x + b),\quad (I - W^\top D)\, u = g,\quad \nabla_W L = D u\, z^\top",
    source="Bai, Kolter and Koltun, Deep equilibrium models (2019), theorem 1; implicit function theorem",
)
