r"""Direct preference optimisation: the chosen of two answers should gain more than the rejected one.

    chosen, rejected: (N), log-probabilities of the policy   ref_...: (N), of a fixed reference
    L: ()   g = upstream of L   b = beta, e = label_smoothing   s: logistic sigmoid

    h = b ((chosen - ref_chosen) - (rejected - ref_rejected))     (N)
    L = -1/N sum (1 - e) log s(h) + e log s(-h)

As log s(h) has the slope s(-h), and log s(-h) the slope -s(h),

    dL/dh = -g / N ((1 - e) s(-h) - e s(h))     (N)
    dL/dchosen = b dL/dh     dL/drejected = -b dL/dh

Delicate: log of a sigmoid that has rounded to 0 is -inf; -log s(h) is softplus(-h). Log-probabilities are
sums over a whole answer, in the hundreds, and h is a difference of four of them: in half precision its
digits are gone before this loss sees them. Nothing goes back to the reference, whose model is not trained.
"""

from typing import Annotated

import torch
from torch import Tensor

from experiments.losses.bce_with_logits import softplus
from runner.formula import Edge, Example, Gradients, Sizes, above, between, in_float32, register


def shapes(N: int) -> Sizes:
    return {"chosen": (N,), "rejected": (N,), "ref_chosen": (N,), "ref_rejected": (N,)}


@in_float32
def forward(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor, *,
    beta: Annotated[float, above(0, 0.1, 1)] = 0.1,
    label_smoothing: Annotated[float, between(0, 1, 0, 0.1)] = 0.0,
) -> Tensor:  # fmt: skip
    h = margin(chosen, rejected, ref_chosen, ref_rejected, beta)
    return ((1 - label_smoothing) * softplus(-h) + label_smoothing * softplus(h)).mean()


@in_float32
def logistic(
    grad_loss: Tensor, chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor,
    *, beta: float = 0.1, label_smoothing: float = 0.0,
) -> Gradients:  # fmt: skip
    h = margin(chosen, rejected, ref_chosen, ref_rejected, beta)
    by_h = label_smoothing * torch.sigmoid(h) - (1 - label_smoothing) * torch.sigmoid(-h)
    grad_chosen = beta * grad_loss / max(len(h), 1) * by_h
    return {"chosen": grad_chosen, "rejected": -grad_chosen}


def margin(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor, beta: float) -> Tensor:
    """Return h, (N)."""
    return beta * ((chosen - ref_chosen) - (rejected - ref_rejected))


register(
    gradients=[logistic],
    outputs=("loss",),
    constants=("ref_chosen", "ref_rejected"),
    edges={
        "indifferent": Edge(
            inputs=lambda chosen, ref_chosen: {"rejected": chosen, "ref_rejected": ref_chosen}
        ),
        "saturated": Edge.scaled("chosen", 1000),
    },
    example=Example(shape={"N": 7}, upstream="ones"),
    latex=r"L = -\tfrac1N \textstyle\sum \log \sigma(h),\quad "
    r"\nabla_{\mathrm{chosen}} L = -\tfrac{g}{N}\, \beta\, \sigma(-h)",
    source="Rafailov et al., Direct Preference Optimization (2023), eq. 7",
)
