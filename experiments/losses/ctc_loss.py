r"""Connectionist temporal classification: the loss of a label of which nobody says when each letter comes.

    z: (T, N, C), scores of C classes, one of them a blank   labels: (N, S)   both lengths: (N)
    L: (), or (N) for reduction none   g = dL/dloss

A path names one class at each step, with probability prod_t p_t(c_t), p = softmax(z). It spells what is left
after repetitions are merged and blanks dropped; L_n = -log of the sum over all paths that spell the label.

Let l' be the label with a blank before, between and behind its letters, K = 2 S + 1 states. A path stays in
its state, goes on by one, or by two over a blank between letters that differ. With y_t(s) = log p_t(l'_s),

    alpha_t(s) = y_t(s) + log sum of exp alpha_t-1 over s, s - 1 and, where allowed, s - 2
    beta_t(s)  = log sum of exp (y_t+1 + beta_t+1) over s, s + 1 and, where allowed, s + 2
    L_n        = -log sum of exp alpha at the last step, over the last blank and the last letter

Every path passes one state at each step: gamma_t(s), the part of the sum that passes s, is a probability:

    gamma_t(s) = exp(alpha_t(s) + beta_t(s) + L_n)          dL_n/dlogp_t(c) = -sum of gamma_t(s) over l'_s = c
    dL/dz_t(c) = G_n (p_t(c) - sum of gamma_t(s) over l'_s = c)     (T, N, C), and 0 after the end

`alpha_beta` is that. `reverse_sweep` has no beta: it carries gamma itself back through the forward's sums,
each state sharing what it has among the states before it, in proportion to exp alpha.

The reduction: G_n is g_n for none, g for sum, and for mean g / (N max(1, length of the label)).

Delicate: products of T probabilities underflow, so all is in logarithms, and what no path reaches is -inf,
whose log-sum is no NaN. alpha grows with T, and with it the rounding of exp(alpha + beta + L): at each step
gamma is divided by its own sum, which is 1. A letter that repeats needs its blank. PyTorch's ctc_loss takes
logp and gives p - gamma for it, which is right only behind a log_softmax; here that is inside.

Edges: a label that does not fit has no path: L is inf and its gradient NaN; with `zero_infinity` both are 0.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from experiments.activations import log_softmax
from runner.formula import Draw, Edge, Example, Gradients, Sizes, in_float32, integer, register

Reduction = Literal["mean", "sum", "none"]


def shapes(T: int, N: int, C: int, S: int, *, blank: int = 0) -> Sizes:
    if not 0 <= blank < C or C < 2:
        raise ValueError(f"shape.C={C}, params.blank={blank}: classes are a blank and one letter at least")
    return {"z": (T, N, C), "labels": (N, S), "input_lengths": (N,), "label_lengths": (N,)}


def sample(rng: Draw, T: int, N: int, C: int, S: int, *, blank: int) -> dict[str, Tensor]:
    letters = rng.integers((N, S), 0, C - 1)
    lengths = {"input_lengths": (max(1, T - 2), T + 1), "label_lengths": (0, S + 1)}
    drawn = {name: rng.integers((N,), low, high) for name, (low, high) in lengths.items()}
    return {"labels": letters + (letters >= blank), **drawn}


@in_float32(saved=("logp", "alpha"))
def forward(
    z: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *,
    blank: Annotated[int, integer(0, 0, 2)] = 0, zero_infinity: bool = False,
    reduction: Reduction = "mean",
) -> dict[str, Tensor]:  # fmt: skip
    refuse_unknown(z, labels, input_lengths, label_lengths, blank)
    logp, states = log_softmax.forward(z), with_blanks(labels, blank)
    y, ways = logp.gather(2, states.expand(len(z), -1, -1)), steps(states, blank)
    sums = [torch.where(torch.arange(states.shape[1], device=z.device) < 2, y[0], -torch.inf)]
    for t in range(1, len(z)):
        sums.append(y[t] + log_sum(before(sums[-1], ways)))
    alpha = torch.stack(sums)
    last = alpha[input_lengths - 1, torch.arange(z.shape[1], device=z.device)]  # (N, K)
    total = log_sum(torch.where(end_states(states, label_lengths), last, -torch.inf))
    never = total == -torch.inf
    losses = torch.where(never, 0, -total)
    if not zero_infinity:  # where there is no path, log 0 of a probability that has no slope
        p = torch.where(after_the_end(logp, input_lengths), 0, torch.exp(logp))
        losses = losses - torch.log(torch.where(never, 0 * p.sum(dim=(0, 2)), 1))
    loss = losses / divisor(label_lengths, reduction)
    return {"loss": loss if reduction == "none" else loss.sum(), "logp": logp, "alpha": alpha}


@in_float32
def library(
    z: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor,
    *, blank: int = 0, zero_infinity: bool = False, reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    f, logp = torch.nn.functional, torch.log_softmax(z, dim=2)
    return f.ctc_loss(logp, labels, input_lengths, label_lengths, blank, reduction, zero_infinity)


@in_float32
def alpha_beta(
    grad_loss: Tensor, logp: Tensor, alpha: Tensor,
    z: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor,
    *, blank: int, zero_infinity: bool = False, reduction: Reduction = "mean",
) -> Gradients:  # fmt: skip
    states, gamma = with_blanks(labels, blank), torch.zeros_like(alpha)
    y, mirrored = logp.gather(2, states.expand(len(z), -1, -1)), steps(states.flip(1), blank)
    ends = torch.where(end_states(states, label_lengths), 0, -torch.inf)
    beta = torch.full_like(ends, -torch.inf)
    for t in reversed(range(len(z))):
        if t + 1 < len(z):
            beta = log_sum(before((y[t + 1] + beta).flip(1), mirrored)).flip(1)
        beta = torch.where((input_lengths - 1 == t)[:, None], ends, beta)
        gamma[t] = shares(alpha[t] + beta)
    return {
        "z": by_class(gamma, grad_loss, logp, states, input_lengths, label_lengths, zero_infinity, reduction)
    }


@in_float32
def reverse_sweep(
    grad_loss: Tensor, logp: Tensor, alpha: Tensor,
    z: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor,
    *, blank: int, zero_infinity: bool = False, reduction: Reduction = "mean",
) -> Gradients:  # fmt: skip
    states = with_blanks(labels, blank)
    ways, ends = steps(states, blank), end_states(states, label_lengths)
    now, found = torch.zeros_like(alpha[0]), []
    for t in reversed(range(len(z))):
        two, one, stay = (now[..., None] * shares(before(alpha[t], ways))).unbind(dim=2)
        passed = normed(stay + pad(one, (0, 1))[:, 1:] + pad(two, (0, 2))[:, 2:])
        last = shares(torch.where(ends, alpha[t], -torch.inf))
        now = torch.where((input_lengths - 1 == t)[:, None], last, passed)
        found.append(now)
    gamma = torch.stack(found[::-1])
    return {
        "z": by_class(gamma, grad_loss, logp, states, input_lengths, label_lengths, zero_infinity, reduction)
    }


def with_blanks(labels: Tensor, blank: int) -> Tensor:
    """Return l', the labels with a blank around each letter: (N, K)."""
    return pad(torch.stack([torch.full_like(labels, blank), labels], dim=2).flatten(1), (0, 1), value=blank)


def steps(states: Tensor, blank: int) -> Tensor:
    """Return whether a path may come to s from s - 2, s - 1 and s: (N, K, 3)."""
    two = (states != blank) & (states != pad(states, (2, 0), value=blank)[:, :-2])
    return torch.stack([two, torch.ones_like(two), torch.ones_like(two)], dim=2)


def before(x: Tensor, ways: Tensor) -> Tensor:
    """Return x of the states s - 2, s - 1 and s, and -inf where no path comes from: (N, K, 3)."""
    return torch.where(ways, pad(x, (2, 0), value=-torch.inf).unfold(1, 3, 1), -torch.inf)


def log_sum(x: Tensor) -> Tensor:
    """Return the logarithm of the sum of exp along the last dimension; of nothing but -inf it is -inf."""
    none = x.amax(dim=-1) == -torch.inf
    return torch.where(none, -torch.inf, torch.logsumexp(torch.where(none[..., None], 0, x), dim=-1))


def shares(x: Tensor) -> Tensor:
    """Return the softmax along the last dimension; of nothing but -inf it is 0."""
    none = x.amax(dim=-1, keepdim=True) == -torch.inf
    return torch.where(none, 0, torch.softmax(torch.where(none, 0, x), dim=-1))


def normed(gamma: Tensor) -> Tensor:
    """Return what sums to 1 along the last dimension, or is 0."""
    total = gamma.sum(dim=-1, keepdim=True)
    return gamma / torch.where(total == 0, 1, total)


def end_states(states: Tensor, label_lengths: Tensor) -> Tensor:
    """Return which states a path may end in, the last blank and the letter before it: (N, K)."""
    rest = 2 * label_lengths[:, None] - torch.arange(states.shape[1], device=states.device)
    return (rest == 0) | (rest == 1)


def divisor(label_lengths: Tensor, reduction: str) -> Tensor | int:
    return len(label_lengths) * label_lengths.clamp(min=1) if reduction == "mean" else 1


def by_class(
    gamma: Tensor, grad_loss: Tensor, logp: Tensor, states: Tensor, input_lengths: Tensor,
    label_lengths: Tensor, zero_infinity: bool, reduction: str,
) -> Tensor:  # fmt: skip
    """Return G (p - gamma), with gamma summed over the states of each class: (T, N, C)."""
    G = (grad_loss / divisor(label_lengths, reduction)).expand(len(label_lengths))[:, None]
    seen = torch.zeros_like(logp).scatter_add_(2, states.expand(len(gamma), -1, -1), gamma)
    never = gamma[0].sum(dim=1, keepdim=True) == 0
    slope = torch.where(never, 0 if zero_infinity else torch.nan, torch.exp(logp) - seen)
    return torch.where(after_the_end(logp, input_lengths), 0, G * slope)


def after_the_end(logp: Tensor, input_lengths: Tensor) -> Tensor:
    return torch.arange(len(logp), device=logp.device)[:, None, None] >= input_lengths[:, None]


def refuse_unknown(
    z: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, blank: int
) -> None:
    (T, _, C), (_, S) = z.shape, labels.shape
    used = torch.arange(S, device=labels.device) < label_lengths[:, None]
    unknown = labels[used & ((labels < 0) | (labels >= C) | (labels == blank))]
    if len(unknown):
        right = f"from 0 to {C - 1}, and not the blank, {blank}"
        raise IndexError(f"labels holds {unknown[0]}: a letter must be {right}")
    for of, lengths, least, most in (("input", input_lengths, 1, T), ("label", label_lengths, 0, S)):
        if len(wrong := lengths[(lengths < least) | (lengths > most)]):
            raise IndexError(f"{of}_lengths holds {wrong[0]}: it must be from {least} to {most}")


register(
    gradients=[alpha_beta, reverse_sweep],
    outputs=("loss",),
    edges={
        "empty_batch": Edge(shape={"N": 0}, params={"reduction": "none"}),
        "no_letters": Edge.empty("S"),
        "one_step": Edge(shape={"T": 1}),
        "repeated_letter": Edge(inputs=lambda labels: {"labels": labels[:, :1].expand_as(labels).clone()}),
        "does_not_fit": Edge(shape={"T": 3, "S": 7}),
        "does_not_fit_and_counts_for_nothing": Edge(shape={"T": 3, "S": 7}, params={"zero_infinity": True}),
        "saturated": Edge.scaled("z", 100),
        "no_such_class": Edge.filled("labels", 1_000_000, raises=IndexError),
    },
    example=Example(shape={"T": 7, "N": 4, "C": 5, "S": 3}, upstream="ones"),
    latex=r"L = -\log \textstyle\sum_{\pi \to l} \prod_t p_t(\pi_t),\quad "
    r"\nabla_{z_t(c)} L = G\, (p_t(c) - \textstyle\sum_{l'_s = c} \gamma_t(s))",
    source="Graves et al., Connectionist temporal classification (2006), section 4.1",
)
