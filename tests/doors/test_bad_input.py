"""What cannot be judged is one message, and never a verdict."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from runner.doors.judge import assert_gradients, judge
from runner.errors import BadInput
from tests.doors.subjects import MISTAKES, function, pair, plain, reference


class Undifferentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        y = w * x
        ctx.mark_non_differentiable(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> Any:
        return grad_y, grad_y


class OfThree(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return a * b * c

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> Any:
        return grad_y, grad_y, grad_y


class OfTwoResults(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Any:
        ctx.save_for_backward(x, w)
        return w * torch.tanh(x), x.sum()

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor, grad_s: Tensor) -> Any:
        return MISTAKES["none"](grad_y, *ctx.saved_tensors, torch.tanh(ctx.saved_tensors[0]))  # type: ignore[call-arg]


class Of(nn.Module):
    def __init__(self, **parameters: Tensor) -> None:
        super().__init__()
        for name, value in parameters.items():
            setattr(self, name, nn.Parameter(value))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x) * next(self.parameters())


def writing(x: Any, w: Any) -> Any:
    x += 1
    return x * w, (x, w)


x, w = torch.randn(4, 5), torch.randn(5)
right = function(MISTAKES["none"])
leaf = torch.randn(4, 5, requires_grad=True)
memory = torch.randn(50)

REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "nothing": ((None, reference, x, w), {}, "a NoneType cannot be judged"),
    "a number": ((3, reference, x, w), {}, "a int cannot be judged"),
    "a reference that is a number": ((right, 3, x, w), {}, "the reference is a int, not a function"),
    "a backward without a forward": ((plain(MISTAKES["none"]), None, x, w), {}, "a backward has no forward"),
    "another shape": ((right, lambda x, w: (w * x).sum(0), x, w), {}, r"\(4, 5\); that of the reference"),
    "another count": ((OfTwoResults, reference, x, w), {}, r"returns 2 results, its reference 1: outputs="),
    "too few results": (
        (right, lambda x, w: (w * x, x), x, w),
        {},
        "returns 1 results; outputs names y0, y1",
    ),
    "no tensor": ((right, lambda x, w: None, x, w), {}, "returns NoneType; a tensor"),
    "no leaf": (
        (right, reference, leaf * 2, w),
        {},
        r"x is the result of a computation; hand over x\.detach",
    ),
    "nothing to differentiate by": (
        (right, reference, x.long(), w.long()),
        {},
        "nothing to differentiate by",
    ),
    "shared memory": ((right, reference, memory[:20].view(4, 5), memory[:5]), {}, "x and w share memory"),
    "two devices": ((right, reference, x, w.to("meta")), {}, "lie on cpu and meta"),
    "sparse": ((right, reference, x.to_sparse(), w), {}, "a tensor of layout torch.sparse_coo"),
    "too few arguments": ((right, reference, x), {}, "missing a required argument: 'w'"),
    "an unknown argument": ((right, reference, x), {"weight": w}, "unknown argument 'weight'"),
    "an undifferentiable Function": ((Undifferentiable, lambda x, w: w * x, x, w), {}, "is differentiable"),
    "other arguments": (
        (OfThree, reference, x, w),
        {},
        r"apply takes a, b, c; the reference was handed x, w",
    ),
    "a forward that raises": ((right, reference, x, torch.randn(3)), {}, "raises RuntimeError"),
    "an upstream of another shape": (
        (right, reference, x, w),
        {"grad_y": w},
        r"grad_y is \(5,\); y is \(4, 5\)",
    ),
    "an unknown output": (
        (right, lambda x, w: {"y": w * x}, x, w),
        {"grad_z": x},
        "unknown output in grad_ 'z'",
    ),
    "a dtype": (
        (right, reference, x, w),
        {"dtypes": "float31"},
        "unknown dtype 'float31'; did you mean 'float",
    ),
    "a level": ((right, reference, x, w), {"check": "ful"}, "unknown check 'ful'; did you mean 'full'"),
    "a constant": ((right, reference, x, w), {"constants": ("v",)}, "unknown input in constants 'v'"),
    "names of axes": ((right, reference, x, w), {"shapes": {"x": ("n",)}}, "names 1 axes of x, which is 4x5"),
    "a size of two": (
        (right, reference, x, w),
        {"shapes": {"x": ("n", "n"), "w": ("n",)}},
        r"n has two sizes: x\[0\] is 4",
    ),
    "a module without parameters": ((nn.Tanh(), torch.tanh, x), {}, "has no parameter that requires"),
    "a module of another state": ((Of(w=w), Of(v=w), x), {}, "both must have the same state"),
    "a reference that asks for more": (
        (Of(w=w), lambda x, w, b: x, x),
        {},
        "the reference asks for b; there is",
    ),
    "NumPy that writes": (
        ((writing, pair(MISTAKES["none"])[1]), lambda x, w: (x + 1) * w, x.numpy(), w.numpy()),
        {},
        "writing writes to its argument x",
    ),
    "NumPy in float16": (
        (pair(MISTAKES["none"]), reference, np.ones((2, 5), "f2"), np.ones(5, "f2")),
        {},
        "float16",
    ),
    "no pair": (((writing,), reference, x.numpy(), w.numpy()), {}, "a pair is two functions"),
    "no cache": (
        ((lambda x, w: x, writing), reference, x.numpy(), w.numpy()),
        {},
        r"not a pair \(out, cache\)",
    ),
    "too large for differences": ((right, None, torch.randn(300, 5), w), {}, "1505 elements take too long"),
    "nothing that settles": ((function(MISTAKES["none"]).apply, lambda x: x, x), {}, "apply takes x, w"),
}


@pytest.mark.parametrize(("given", "named", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_one_message(given: tuple[Any, ...], named: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        judge(*given, **named)


def test_what_was_handed_over_stays_as_it_is() -> None:
    given = [tensor.clone() for tensor in (x, w)]
    random = torch.random.get_rng_state()
    module = Of(w=w.clone())
    assert judge(right, reference, *given, check="full")
    assert judge(module, lambda x, w: torch.tanh(x) * w, given[0], check="full")
    assert all(
        torch.equal(*both) for both in zip((x, w, w), (*given, module.get_parameter("w")), strict=True)
    )
    assert torch.equal(torch.random.get_rng_state(), random)
    assert module.get_parameter("w").grad is None


def test_assert_gradients_raises_what_it_found() -> None:
    assert assert_gradients(right, reference, x, w, check="quick")
    with pytest.raises(AssertionError, match=r"(?s)off by a factor of 2.*again: pytest .*test_assert"):
        assert_gradients(function(MISTAKES["factor"]), reference, x, w, check="quick")
