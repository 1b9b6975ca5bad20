"""Five wrong backwards of an attention layer, as its author would have them judged."""

import linecache
from typing import Any

import pytest
import torch
from torch import Tensor

import handgrad

SOURCE = """class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, Wq, Wk, Wv, Wo):
        q, k, v = x @ Wq, x @ Wk, x @ Wv
        p = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1)
        o = p @ v
        ctx.save_for_backward(x, Wq, Wk, Wv, Wo, q, k, v, p, o)
        return o @ Wo

    @staticmethod
    def backward(ctx, grad_y):
        x, Wq, Wk, Wv, Wo, q, k, v, p, o = ctx.saved_tensors
        grad_Wo = (o.mT @ grad_y).sum(0)
        grad_o = grad_y @ Wo.T
        grad_v = p.mT @ grad_o
        grad_p = grad_o @ v.mT
        grad_s = p * (grad_p - (p * grad_p).sum(-1, keepdim=True))
        grad_s = grad_s / q.shape[-1] ** 0.5
        grad_q = grad_s @ k
        grad_k = grad_s.mT @ q
        grad_Wq = (x.mT @ grad_q).sum(0)
        grad_Wk = (x.mT @ grad_k).sum(0)
        grad_Wv = (x.mT @ grad_v).sum(0)
        grad_x = grad_q @ Wq.T + grad_k @ Wk.T + grad_v @ Wv.T
        return grad_x, grad_Wq, grad_Wk, grad_Wv, grad_Wo
"""
MISTAKES = {
    "row_sum": ("(p * grad_p).sum(", "grad_p.sum(", "it should be dL/ds"),
    "scale": (
        "q.shape[-1] ** 0.5\n        grad_q",
        "q.shape[-1]\n        grad_q",
        "sqrt(Wq1) in place of q.shape[-1]",
    ),
    "transposed": ("grad_s.mT @ q", "grad_s @ q", "with grad_s.mT @ q in place of grad_s @ q"),
    "values": ("p.mT @ grad_o", "p @ grad_o", "with p.mT @ grad_o in place of p @ grad_o"),
    "term": (" + grad_v @ Wv.T", "", "nothing reads Wv, which"),
}


def plain(x: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor) -> Tensor:
    q, k, v = x @ Wq, x @ Wk, x @ Wv
    s = q @ k.mT / q.shape[-1] ** 0.5
    p = torch.softmax(s, -1)
    return p @ v @ Wo


@pytest.mark.parametrize("which", MISTAKES)
def test_the_listing_alone_finds_it(which: str) -> None:
    was, now, said = MISTAKES[which]
    assert SOURCE.count(was) == 1
    source, file = SOURCE.replace(was, now), f"attention_{which}.py"
    line = SOURCE[: SOURCE.index(was)].count("\n") + 1
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {"torch": torch, "__name__": f"attention_{which}"}
    exec(compile(source, file, "exec"), names)
    torch.manual_seed(0)
    weights = [torch.randn(8, 8) / 8**0.5 for _ in range(4)]
    result = handgrad.judge(names["Attention"], plain, torch.randn(2, 5, 8), *weights)
    told = result.explain()
    assert [row for row in told.splitlines() if row.startswith(">>")] == [
        row for row in told.splitlines() if row.startswith(f">>{line:5}")
    ]
    assert f"{file}:{line}" in told.splitlines()[-1] + told.splitlines()[-2]
    assert said in told
