r"""Cross entropy of class labels under the softmax of logits.

    z: (N, C)   labels: (N)   weight of the classes: (C), optional   L: (), or (N) for reduction none

Row i has the label t_i. Its target q_i shares the label smoothing e among all classes, and is weighted:

    p_ic = exp(z_ic) / sum_k exp(z_ik)
    q_ic = w_c ((1 - e) [c = t_i] + e/C)
    L_i  = - sum_c q_ic log p_ic,     log p_ic = z_ic - log sum_k exp(z_ik)

The log-sum-exp has the derivative p_ij by z_ij, so with s_i = sum_c q_ic

    dL_i/dz_ij = - sum_c q_ic ([c = j] - p_ij) = s_i p_ij - q_ij

which is softmax minus one-hot where e = 0 and w = 1. The reduction gives each row its upstream gradient:

    none: G_i = g_i     sum: G_i = g     mean: G_i = g / sum_k w_t_k     t_i is ignore_index: G_i = 0

    dL/dz = G (s p - q)     (N, C)

The mean divides by the weights of the labels that count: by their number, not N, where all weights are 1.

Delicate: exp overflows, so a row is shifted by top, its largest logit. Its log-sum-exp is top + log total,
with total the sum of exp(z - top); the two are saved apart, as a large shift would swallow the logarithm.
And s p - q cancels where p is almost 1 and the target too. But a shift of a row leaves its loss as it is,
so its gradient sums to zero: where p > 1/2, at most once in a row, `zero_row_sum` takes minus the sum of
the other entries.

Of q only the entry at the label differs from e/C w, and s_i = (1 - e) w_t_i + e mean(w): `label_subtracted`
never makes q, but takes (1 - e) w_t_i G out of one entry of each row.

Edges: 0 log 0 is 0, so a logit of -inf rules its class out. If no label counts, the mean is 0/0, NaN, and
its gradient 0. A label that is neither a class nor ignore_index raises IndexError.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from runner.formula import Draw, Edge, Example, Gradients, Sizes, between, in_float32, integer, register


def shapes(N: int, C: int, *, weighted: bool = False) -> Sizes:
    weight = {"weight": (C,)} if weighted else {}
    return {"z": (N, C), "labels": (N,), **weight}


def sample(rng: Draw, N: int, C: int, *, weighted: bool, ignore_index: int) -> dict[str, Tensor]:
    labels = rng.integers((N,), 0, C)
    labels[3::4] = ignore_index
    weight = {"weight": rng.uniform((C,), 0.5, 1.5)} if weighted else {}
    return {"labels": labels, **weight}


@in_float32(saved=("top", "total"))
def forward(
    z: Tensor, labels: Tensor, weight: Tensor | None = None, *,
    label_smoothing: Annotated[float, between(0, 1, 0.0, 0.1, 1.0)] = 0.0,
    ignore_index: Annotated[int, integer(None, -100, 0)] = -100,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> dict[str, Tensor]:  # fmt: skip
    refuse_unknown(labels, z.shape[1], ignore_index)
    top, total = shifted_sum_exp(z)
    q = targets(z, labels, weight, label_smoothing)
    terms = torch.where(q == 0, 0, q * (torch.log(total) - (z - top)))  # - q log p
    losses = torch.where(labels == ignore_index, 0, torch.sum(terms, dim=1))
    loss = losses if reduction == "none" else torch.sum(losses)
    loss = loss / divisor(labels, weight, ignore_index, reduction)
    return {"loss": loss, "top": top, "total": total}


def library(
    z: Tensor, labels: Tensor, weight: Tensor | None = None,
    *, label_smoothing: float, ignore_index: int, reduction: str,
) -> Tensor:  # fmt: skip
    return torch.nn.functional.cross_entropy(
        z, labels, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )


@in_float32
def stable_log_sum_exp(
    grad_loss: Tensor, z: Tensor, labels: Tensor, top: Tensor, total: Tensor, weight: Tensor | None = None,
    *, label_smoothing: float = 0.0, ignore_index: int = -100, reduction: str = "mean",
) -> Gradients:  # fmt: skip
    p = torch.exp(z - top) / total
    q = targets(p, labels, weight, label_smoothing)
    s = torch.sum(q, dim=1, keepdim=True)
    G = upstream_by_row(grad_loss, labels, weight, ignore_index, reduction)
    return {"z": G * (s * p - q)}


@in_float32
def zero_row_sum(
    grad_loss: Tensor, z: Tensor, labels: Tensor, top: Tensor, total: Tensor, weight: Tensor | None = None,
    *, label_smoothing: float = 0.0, ignore_index: int = -100, reduction: str = "mean",
) -> Gradients:  # fmt: skip
    p = torch.exp(z - top) / total
    q = targets(p, labels, weight, label_smoothing)
    s = torch.sum(q, dim=1, keepdim=True)
    G = upstream_by_row(grad_loss, labels, weight, ignore_index, reduction)
    slope, likely = s * p - q, p > 1 / 2
    others = torch.sum(torch.where(likely, 0, slope), dim=1, keepdim=True)
    return {"z": G * torch.where(likely, -others, slope)}


@in_float32
def label_subtracted(
    grad_loss: Tensor, z: Tensor, labels: Tensor, top: Tensor, total: Tensor, weight: Tensor | None = None,
    *, label_smoothing: float = 0.0, ignore_index: int = -100, reduction: str = "mean",
) -> Gradients:  # fmt: skip
    rows, classes = z.shape
    G = upstream_by_row(grad_loss, labels, weight, ignore_index, reduction)
    w = G.new_ones(1) if weight is None else weight
    label = labels.clamp(0, classes - 1)  # of a row that is ignored any will do: its G is 0
    at_label = (1 - label_smoothing) * w.expand(classes)[label][:, None]  # (N, 1)
    s = at_label + label_smoothing * w.mean()
    p = torch.exp(z - top) / total
    slope = G * s * p - G * (label_smoothing / classes * w)
    slope[torch.arange(rows, device=z.device), label] -= (G * at_label)[:, 0]
    return {"z": slope}


def shifted_sum_exp(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return top and total, (N, 1) each: the log-sum-exp of each row is top + log(total)."""
    top = z.amax(dim=1, keepdim=True).detach()  # any shift gives the same sum: no gradient goes through it
    return top, torch.sum(torch.exp(z - top), dim=1, keepdim=True)


def targets(z: Tensor, labels: Tensor, weight: Tensor | None, label_smoothing: float) -> Tensor:
    """Return q, in the shape and dtype of z."""
    classes = z.shape[1]
    q = (1 - label_smoothing) * one_hot(labels, classes).to(z.dtype) + label_smoothing / classes
    return q if weight is None else q * weight


def one_hot(labels: Tensor, classes: int) -> Tensor:
    return labels[:, None] == torch.arange(classes, device=labels.device)


def upstream_by_row(
    grad_loss: Tensor, labels: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Tensor:
    """Return G, (N, 1): the derivative of L by the loss of each row."""
    G = grad_loss / divisor(labels, weight, ignore_index, reduction)
    return torch.where(labels == ignore_index, 0, G)[:, None]


def divisor(labels: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Tensor | int:
    if reduction != "mean":
        return 1
    counted = labels[labels != ignore_index]
    return len(counted) if weight is None else torch.sum(weight[counted])


def refuse_unknown(labels: Tensor, classes: int, ignore_index: int) -> None:
    unknown = labels[(labels != ignore_index) & ((labels < 0) | (labels >= classes))]
    if len(unknown):
        right = f"from 0 to {classes - 1}, or ignore_index={ignore_index}"
        raise IndexError(f"labels holds {unknown[0]}: a label must be {right}")


register(
    gradients=[stable_log_sum_exp, zero_row_sum, label_subtracted],
    outputs=("loss",),
    constants=("weight",),
    edges={
        "empty_batch": Edge.empty("N"),
        "one_class": Edge(shape={"C": 1}),
        "all_ignored": Edge.filled("labels", -100, params={"ignore_index": -100}),
        "no_such_class": Edge.filled("labels", 1_000_000, params={"ignore_index": -100}, raises=IndexError),
        "negative_label": Edge.filled("labels", -1, params={"ignore_index": -100}, raises=IndexError),
        "saturated": Edge.scaled("z", 1e4),
        "ruled_out": Edge(
            params={"label_smoothing": 0.0},
            inputs=lambda z: {"z": z.masked_fill(z < z.amax(dim=1, keepdim=True), -torch.inf)},
        ),
    },
    example=Example(shape={"N": 11, "C": 7}, upstream="ones"),
    latex=r"L_i = -\sum_c q_{ic} \log \mathrm{softmax}(z_i)_c,\quad \nabla_{z_i} L = G_i (s_i\,p_i - q_i)",
    source="Bridle (1990); label smoothing: Szegedy et al. (2016), section 7",
)
