r"""Gate of a mixture of experts: y = sum of p_e f_e over the k experts that score highest.

    x: (N, d)   W: (E, d)   f, what each expert says: (N, E, m)   p: (N, E)   y: (N, m)   g = dL/dy: (N, m)

    z = x W'     p = softmax(z) over the chosen k, and 0 for others     y = sum_e p_e f_e

To choose is piecewise constant: no gradient goes through it. With the choice fixed, backward is that of a
mixture, of a `softmax` and of a `linear` layer:

    dL/df_e = p_e g                                (N, E, m)
    dp_e    = g . f_e                              (N, E)
    dz      = p (dp - sum_e p_e dp_e)              (N, E)
    dL/dx   = dz W     dL/dW = dz' x

An expert that was not chosen has p = 0: it gets nothing, and neither does its score.

Delicate: the weights are those of a softmax over the chosen. Many models choose after a softmax over all
experts, and divide by the chosen ones' sum: the same numbers, and the same gradient. Equal scores at the
border may be chosen either way; here the lower index wins, as a stable sort has it. dp - sum p dp cancels
where one expert takes all.
"""

from typing import Annotated

import torch
from torch import Tensor

from experiments.activations import softmax
from experiments.layers import linear
from runner.formula import Edge, Example, Gradients, Sizes, in_float32, integer, register


def shapes(N: int, d: int, E: int, m: int, *, k: int = 2) -> Sizes:
    if k > E:
        raise ValueError(f"params.k={k}: there are only shape.E={E} experts to choose from")
    return {"x": (N, d), "W": (E, d), "f": (N, E, m)}


@in_float32(saved=("p",))
def forward(
    x: Tensor, W: Tensor, f: Tensor, *, k: Annotated[int, integer(1, 2, 1, 3)] = 2
) -> dict[str, Tensor]:
    z = linear.forward(x, W)
    p = softmax.forward(z.masked_fill(~chosen(z, k), -torch.inf))
    return {"y": mixture(p, f), "p": p}


@in_float32
def fixed_choice(grad_y: Tensor, p: Tensor, x: Tensor, W: Tensor, f: Tensor) -> Gradients:
    dp = mixture(grad_y, f.mT)
    dz = softmax.output_product(dp, p)["x"]
    return {**linear.outer_product(dz, x, W), "f": p[:, :, None] * grad_y[:, None, :]}


def mixture(p: Tensor, f: Tensor) -> Tensor:
    """Return sum_e p_e f_e: (N, m)."""
    return (p[:, None, :] @ f)[:, 0]


def chosen(z: Tensor, k: int) -> Tensor:
    """Tell which k scores of each row are the highest."""
    best = torch.sort(z.detach(), dim=1, descending=True, stable=True).indices[:, :k]
    return torch.zeros_like(z, dtype=torch.bool).scatter_(1, best, value=True)


register(
    gradients=[fixed_choice],
    edges={
        "empty_batch": Edge.empty("N"),
        "all_chosen": Edge(shape={"E": 3}, params={"k": 3}),
        "one_chosen": Edge(params={"k": 1}),
        "one_takes_all": Edge.scaled("x", 100),
    },
    example=Example(shape={"N": 5, "d": 4, "E": 6, "m": 3}),
    latex=r"y = \textstyle\sum_e p_e f_e,\quad p = \mathrm{softmax}_k(x W^\top),\quad "
    r"\nabla_{p_e} L = g \cdot f_e",
    source="Shazeer et al., Outrageously Large Neural Networks (2017), section 2.1",
)
