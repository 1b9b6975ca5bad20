r"""Einstein's sum: y = the sum of products A B C over all indices that are not behind the arrow.

    A, B, C: their letters before the arrow, each of b, i, j, k a dimension   y, G = dL/dy: those behind it

In ij,jk->ik, y_ik = sum_j A_ij B_jk, j is summed over. y is linear in each operand, so that the gradient by
one is again such a sum, with G in the operand's place and the operand's letters behind the arrow:

    dL/dA: ik,jk->ij   of G and B          dL/dB: ik,ij->jk   of G and A

Two kinds of letters need more than that:

    ij->i           j is in nothing else: y does not tell the A_ij of a row apart, and each gets G_i
    ii->, ii->i     both read the diagonal: the gradient is on it, and zero elsewhere

`contracted` does that. `dense` writes the product out over all letters at once, and sums: nothing to think
of, but as large as the product of all sizes, where a contraction goes by way of products of matrices.

Delicate: einsum itself refuses a letter behind the arrow that is nowhere before it, and a repeated one; a
letter that G shares with an operand is kept where the other operand has it too, as b in bik,bjk->bij. Half
precision is summed in float32.
"""

import functools
import operator
from typing import Literal

import torch
from torch import Tensor

from runner.formula import Edge, Example, Gradients, Sizes, in_float32, register

Pattern = Literal[
    "ij,jk->ik", "ij->ji", "ij->i", "ii->", "ii->i", "i,j->ij", "ij,ij->", "ij,jk->k", "bik,bjk->bij",
    "bi,ij,bj->b",
]  # fmt: skip
Lettered = tuple[Tensor, str]


def shapes(b: int, i: int, j: int, k: int, *, pattern: str = "ij,jk->ik") -> Sizes:
    size = {"b": b, "i": i, "j": j, "k": k}
    terms = pattern.split("->")[0].split(",")
    return {name: tuple(size[c] for c in term) for name, term in zip("ABC", terms, strict=False)}


@in_float32
def forward(
    A: Tensor, B: Tensor | None = None, C: Tensor | None = None, *, pattern: Pattern = "ij,jk->ik"
) -> Tensor:
    return summed([*lettered(A, B, C, pattern=pattern).values()], pattern.split("->")[1])


def library(
    A: Tensor, B: Tensor | None = None, C: Tensor | None = None, *, pattern: Pattern = "ij,jk->ik"
) -> Tensor:
    return torch.einsum(pattern, *(x for x in (A, B, C) if x is not None))


@in_float32
def contracted(
    grad_y: Tensor, A: Tensor, B: Tensor | None = None, C: Tensor | None = None, *, pattern: Pattern
) -> Gradients:
    operands, gradients = lettered(A, B, C, pattern=pattern), {}
    for name, (x, term) in operands.items():
        rest = [(grad_y, pattern.split("->")[1]), *(of for other, of in operands.items() if other != name)]
        known = "".join(c for c in distinct(term) if any(c in letters for _, letters in rest))
        grad = torch.einsum(f"{','.join(of for _, of in rest)}->{known}", *(tensor for tensor, _ in rest))
        gradients[name] = restored(spread(grad, known, distinct(term)), x, term)
    return gradients


@in_float32
def dense(
    grad_y: Tensor, A: Tensor, B: Tensor | None = None, C: Tensor | None = None, *, pattern: Pattern
) -> Gradients:
    operands, gradients = lettered(A, B, C, pattern=pattern), {}
    for name, (x, term) in operands.items():
        rest = [(grad_y, pattern.split("->")[1]), *(of for other, of in operands.items() if other != name)]
        gradients[name] = restored(summed(rest, distinct(term)), x, term)
    return gradients


def lettered(*given: Tensor | None, pattern: str) -> dict[str, Lettered]:
    """Return each operand by its name, with its letters."""
    terms = pattern.split("->")[0].split(",")
    return {name: (x, term) for name, x, term in zip("ABC", given, terms, strict=False) if x is not None}


def summed(factors: list[Lettered], out: str) -> Tensor:
    """Multiply over all letters at once, and sum over those that are not in `out`."""
    every = distinct(out + "".join(term for _, term in factors))
    product = functools.reduce(operator.mul, [spread(x, term, every) for x, term in factors])
    return product.unsqueeze(-1).flatten(len(out)).sum(dim=-1)


def spread(x: Tensor, term: str, every: str) -> Tensor:
    """Put the letters of x into the order of `every`, with a size of 1 for those that it has not."""
    own = distinct(term)
    x = x if own == term else x.diagonal()
    x = x.permute([own.index(c) for c in every if c in own])
    return x[tuple(slice(None) if c in own else None for c in every)]


def restored(grad: Tensor, like: Tensor, term: str) -> Tensor:
    """Repeat a gradient along letters that nothing else has, and put it on the diagonal of a repeated one."""
    own = distinct(term)
    grad = grad * torch.ones([like.shape[term.index(c)] for c in own], dtype=grad.dtype, device=grad.device)
    return grad if own == term else torch.diag_embed(grad)


def distinct(letters: str) -> str:
    return "".join(dict.fromkeys(letters))


register(
    gradients=[contracted, dense],
    edges={
        "nothing_to_sum": Edge.empty("j"),
        "no_batch": Edge(shape={"b": 0}, params={"pattern": "bik,bjk->bij"}),
        "all_ones": Edge(shape={"b": 1, "i": 1, "j": 1, "k": 1}),
    },
    example=Example(shape={"b": 2, "i": 3, "j": 5, "k": 4}),
    latex=r"y_{ik} = \textstyle\sum_j A_{ij} B_{jk},\quad \nabla_{A_{ij}} L = \textstyle\sum_k G_{ik} B_{jk}",
    source="Einstein (1916), section 5; torch.einsum; Laue, Mitterreiter and Giesen (2018), theorem 5",
)
