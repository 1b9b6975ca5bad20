r"""Matrix times column vector: y = W x.

    W: (m, n)   x: (n, 1)   y: (m, 1)   g = dL/dy: (m, 1)

From y_i = sum_k W_ik x_k follows the Jacobian tensor, which is x' in row i of slice i and zero
elsewhere:

    dy_i/dW_jk = delta_ij x_k     (m, m, n)
    dy_i/dx_k  = W_ik             (m, n)

These are in numerator layout: outputs first. The gradient has the shape of the input; it sums over the
outputs, and the delta leaves one term of that sum:

    dL/dW = sum_i g_i dy_i/dW = g x'     (m, n)
    dL/dx = W' g                         (n, 1)

The transpose of W comes from that sum: x_k collects column k of W. With g = 1 the gradient by W is
1 x', a copy of x' in each row.
"""

import torch
from torch import Tensor

from runner.formula import Example, Gradients, Sizes, register


def shapes(m: int, n: int) -> Sizes:
    return {"W": (m, n), "x": (n, 1)}


def forward(W: Tensor, x: Tensor) -> Tensor:
    return W @ x


def outer_product(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": grad_y @ x.T, "x": W.T @ grad_y}


def jacobian(grad_y: Tensor, x: Tensor) -> Gradients:
    """Sum the slices of the Jacobian tensor, each weighted by the upstream gradient of its output."""
    return {"W": torch.einsum("i,ijk->jk", grad_y[:, 0], by_weight(len(grad_y), x))}


def jacobian_tensor(W: Tensor, x: Tensor) -> Gradients:
    m, n = W.shape
    return {
        "W": by_weight(m, x).reshape(m, 1, m, n),
        "x": W.reshape(m, 1, n, 1),
    }


def by_weight(m: int, x: Tensor) -> Tensor:
    """Return delta_ij x_k, of shape (m, m, n)."""
    delta = torch.eye(m, dtype=x.dtype, device=x.device)
    return delta[:, :, None] * x[:, 0]


register(
    gradients=[outer_product, jacobian],
    jacobians=[jacobian_tensor],
    example=Example(shape={"m": 20, "n": 5}),
    latex=r"y = W x,\quad \nabla_W L = g x^\top,\quad \nabla_x L = W^\top g",
    source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 70; Giles (2008), section 2.2.1",
)
