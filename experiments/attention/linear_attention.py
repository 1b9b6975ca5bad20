r"""Causal attention with a kernel in place of the softmax: y_t = sum_s<=t (f(q_t) . f(k_s)) v_s / z_t.

    q, k: (..., T, d)   v, y: (..., T, e)   g = dL/dy: (..., T, e)   f(x) = elu(x) + 1, element by element

    z_t = sum_s<=t f(q_t) . f(k_s)

With Q = f(q), K = f(k), both positive, and w_ts = Q_t . K_s for s <= t and 0 for others, let u_t = g_t /
z_t. The quotient rule gives

    dw_ts = u_t . (v_s - y_t)     for s <= t
    dQ = dw K     dK = dw' Q     dv = w' u     dq = dQ f'(q)     dk = dK f'(k)

`quadratic` makes these matrices, T T numbers. `scan` never does. Sums over s <= t of K_s v_s' are a state
S_t: (d, e) that each step adds to; so are those over K_s, r_t: (d). With them one sweep forward and one
back do all, in time T:

    dQ_t = S_t u_t - (u_t . y_t) r_t
    R_t = sum over i >= t of Q_i u_i'     n_t = sum over i >= t of Q_i (u_i . y_i)
    dK_t = R_t v_t - n_t     dv_t = R_t' K_t

Delicate: the state is a sum over the whole sequence, in half precision kept in float32. dw subtracts y_t
from v_s before it multiplies; `scan` can only do so afterwards. f'(x) is 1 above 0 and f(x) below.

Edges: one position, whose y is v whatever q and k are: their gradient is 0.
"""

import torch
from torch import Tensor

from experiments.activations import elu
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register


def shapes(batch: list[int], T: int, d: int, e: int) -> Sizes:
    return {"q": (*batch, T, d), "k": (*batch, T, d), "v": (*batch, T, e)}


@in_float32
def forward(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    w = (feature(q) @ feature(k).mT).tril()
    return w @ v / w.sum(dim=-1, keepdim=True)


@in_float32
def quadratic(grad_y: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    Q, K = feature(q), feature(k)
    w = (Q @ K.mT).tril()
    z = w.sum(dim=-1, keepdim=True)
    u, y = grad_y / z, w @ v / z
    dw = (u @ v.mT - (u * y).sum(dim=-1, keepdim=True)).tril()
    return {"q": dw @ K * slope(q), "k": dw.mT @ Q * slope(k), "v": w.mT @ u}


@in_float32
def scan(grad_y: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    Q, K, T = feature(q), feature(k), q.shape[-2]
    S = torch.zeros_like(Q[..., 0, :, None] * v[..., 0, None, :])  # (..., d, e)
    R, r, n = S, S[..., :1], S[..., :1]  # (..., d, 1)
    u, uy, dQ, dK, dv = (torch.zeros_like(x) for x in (v, v[..., :1], q, k, v))
    for t in range(T):
        S, r = S + outer(K, v, t), r + column(K, t)
        z = (column(Q, t) * r).sum(dim=-2)
        u[..., t, :] = of_z = grad_y[..., t, :] / z
        y = (S.mT @ column(Q, t))[..., 0] / z
        uy[..., t, :] = along_y = (of_z * y).sum(dim=-1, keepdim=True)
        dQ[..., t, :] = (S @ of_z[..., None])[..., 0] - along_y * r[..., 0]
    for t in reversed(range(T)):
        R, n = R + outer(Q, u, t), n + column(Q, t) * uy[..., t, None, :]
        dK[..., t, :] = (R @ column(v, t) - n)[..., 0]
        dv[..., t, :] = (R.mT @ column(K, t))[..., 0]
    return {"q": dQ * slope(q), "k": dK * slope(k), "v": dv}


def feature(x: Tensor) -> Tensor:
    return torch.where(x <= 0, torch.exp(x.clamp(max=0)), x + 1)


def slope(x: Tensor) -> Tensor:
    return elu.input_exponential(x)


def column(x: Tensor, t: int) -> Tensor:
    return x[..., t, :, None]


def outer(x: Tensor, y: Tensor, t: int) -> Tensor:
    return x[..., t, :, None] * y[..., t, None, :]


register(
    gradients=[quadratic, scan],
    edges={
        "no_batch": Edge(shape={"batch": []}),
        "empty_batch": Edge.empty("batch"),
        "one_position": Edge(shape={"T": 1}),
    },
    example=Example(shape={"batch": [2, 3], "T": 7, "d": 4, "e": 5}),
    latex=r"y_t = "
    r"\frac{\sum_{s \le t} (f(q_t) \cdot f(k_s))\, v_s}{\sum_{s \le t} f(q_t) \cdot f(k_s)},\quad "
    r"\nabla_{w_{ts}} L = u_t \cdot (v_s - y_t)",
    source="Katharopoulos et al., Transformers are RNNs (2020), section 3",
)
