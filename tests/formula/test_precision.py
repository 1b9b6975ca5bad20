"""Half precision is computed in float32 and rounded once, by the name of what comes back."""

import pytest
import torch
from torch import Tensor

from runner.formula import Gradients, in_float32

HALF = [torch.bfloat16, torch.float16]


@in_float32
def product(grad_y: Tensor, a: Tensor, ids: Tensor, b: Tensor | None = None, *, n: int = 2) -> Gradients:
    assert {t.dtype for t in (grad_y, a, b) if t is not None} <= {torch.float32, torch.float64}
    assert ids.dtype == torch.int64
    return {"a": grad_y * n, "b": a / 3, "c": grad_y + 1}


@in_float32(saved=("mean",))
def centred(x: Tensor) -> dict[str, Tensor]:
    mean = x.mean()
    return {"y": x - mean, "z": x, "mean": mean}


@in_float32
def third(x: Tensor, *, times: float = 1) -> Tensor:
    return x * times / 3


@pytest.mark.parametrize("half", HALF)
def test_each_gradient_has_the_dtype_of_its_input(half: torch.dtype) -> None:
    one = torch.ones(2)
    found = product(one.to(half), a=one, b=one.double(), ids=torch.tensor([1]))
    assert {name: grad.dtype for name, grad in found.items()} == {
        "a": torch.float32,
        "b": torch.float64,
        "c": half,  # no argument: that of the upstream gradient
    }


@pytest.mark.parametrize("half", HALF)
def test_it_is_rounded_once(half: torch.dtype) -> None:
    x = torch.linspace(1, 2, 100).to(half)
    assert torch.equal(third(x, times=0.7), (x.float() * 0.7 / 3).to(half))
    assert not torch.equal(third(x, times=0.7), x * 0.7 / 3)


@pytest.mark.parametrize("half", HALF)
def test_what_a_forward_saves_stays_in_float32(half: torch.dtype) -> None:
    found = centred(torch.arange(4).to(half))
    assert {name: value.dtype for name, value in found.items()} == {
        "y": half,
        "z": half,
        "mean": torch.float32,
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_other_dtypes_are_left_alone(dtype: torch.dtype) -> None:
    x = torch.ones(3, dtype=dtype)
    assert centred(x)["z"] is x


def test_one_formula_may_call_another() -> None:
    @in_float32
    def outer(x: Tensor) -> Tensor:
        return 3 * third(x) - x  # zero, unless third rounds in between

    assert outer(torch.tensor([7.0], dtype=torch.bfloat16)).item() == 0


def test_autograd_goes_through_it() -> None:
    x = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    (grad,) = torch.autograd.grad(third(x, times=3).sum(), x)
    assert grad.tolist() == [1, 1]
