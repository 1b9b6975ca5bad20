"""Second derivatives, and gradients under autocast."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runner.case.resolve import resolve
from runner.formula.foreign import register_function
from runner.settings import Check, Config, Inputs
from tests.checks.planting import judged
from tests.conftest import Plant
from tests.registry import rows, specification

Gradients = dict[str, Tensor]
SHAPE = {"m": 4, "n": 5}


def shapes(m: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"W": (m, n), "x": (n,)}


def forward(W: Tensor, x: Tensor) -> Tensor:
    return W @ x**2


def right(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(grad_y, x**2), "x": 2 * x * (W.mT @ grad_y)}


def forgets_w(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {**right(grad_y, W, x), "x": 2 * x * (W.detach().mT @ grad_y)}


def forgets_upstream(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {**right(grad_y, W, x), "W": torch.outer(grad_y.detach(), x**2)}


def test_each_second_derivative_is_told_by_name(plant: Plant) -> None:
    record: dict[str, Any] = {"shapes": shapes, "forward": forward, "shape": SHAPE}
    found = judged(plant, right, forgets_w, forgets_upstream, second_order=True, **record)
    said = {(row.derivation, row.wrt): (row.failed_checks, row.diagnosis) for row in found}
    assert {checks for (name, _), (checks, _) in said.items() if name == "right"} == {""}
    assert said["forgets_w", "W"][0] == ""
    assert "the gradient by x has no derivative by W" in said["forgets_w", "x"][1]
    assert "the gradient by W has no derivative by grad_y" in said["forgets_upstream", "W"][1]
    assert said["forgets_upstream", "x"][0] == ""


@pytest.mark.parametrize(
    "experiment", ["cholesky", "linear_attention", "linear_scan", "rnn_bptt", "ctc_loss"]
)
def test_gradients_that_are_made_step_by_step_can_be_differentiated(experiment: str) -> None:
    level = Check("full", second_order=True)
    found = rows(specification(experiment, dtype="float64", check=level))
    assert {(row.derivation, row.wrt, row.failed_checks) for row in found if row.failed_checks} == set()


class Linear(torch.autograd.Function):
    """W x, whose backward takes the upstream gradient in the dtype that autocast gives the output."""

    @staticmethod
    def forward(ctx: Any, W: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(W, x)
        return (W * x).sum(-1).to(W.dtype) if W.dtype != torch.float32 else W @ x

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor]:
        W, x = ctx.saved_tensors
        return torch.outer(grad_y.to(x.dtype), x), W.mT @ grad_y.to(W.dtype)


class Halved(Linear):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor]:
        W, x = Linear.backward(ctx, grad_y)
        return W, x / (1 if grad_y.dtype == x.dtype else 2)


class Refusing(Linear):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor]:
        W, x = ctx.saved_tensors
        return torch.outer(grad_y, x), W.mT @ grad_y


def product(W: Tensor, x: Tensor) -> Tensor:
    return W @ x


def test_a_training_step_under_autocast(own_formulas: None) -> None:
    said: dict[tuple[str, str], Any] = {}
    for function in (Linear, Halved, Refusing):
        register_function(function, name=function.__name__, shapes=shapes, forward=product)
        settings: dict[str, Any] = {"shape": SHAPE, "check": Check("full"), "inputs": Inputs("normal")}
        found = rows(resolve(Config(formula=function.__name__, upstream="normal", **settings)))
        said |= {(function.__name__, row.wrt): row for row in found}
    assert {said["Linear", wrt].failed_checks for wrt in ("W", "x")} == {""}
    assert said["Linear", "x"].notes == ""
    assert (said["Halved", "W"].failed_checks, said["Halved", "x"].failed_checks) == ("", "autocast")
    assert "under autocast to bfloat16 off by" in said["Halved", "x"].diagnosis
    assert said["Refusing", "x"].failed_checks == ""
    assert "under autocast it raises RuntimeError" in said["Refusing", "x"].notes


class Kept(torch.autograd.Function):
    """Squares; keeps its input on the context, past PyTorch's guard against writing to it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.x = x
        return x * x

    @staticmethod
    def backward(ctx: Any, *grad_y: Tensor) -> Any:
        return 2 * ctx.x * grad_y[0]


class Guarded(Kept):
    """The same, as it should be."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, *grad_y: Tensor) -> Any:
        return 2 * ctx.saved_tensors[0] * grad_y[0]


@pytest.mark.usefixtures("own_formulas")
@pytest.mark.parametrize(("function", "failed"), [(Kept, "contexts"), (Guarded, "")])
def test_inputs_are_written_to_between_forward_and_backward(function: Any, failed: str) -> None:
    register_function(function, name="kept", forward=lambda x: x * x, shapes=lambda n: {"x": (n,)})
    config = Config(formula="kept", shape={"n": 5}, check=Check("full"), inputs=Inputs("normal"))
    (row,) = rows(resolve(config))
    assert row.failed_checks == failed
    assert ("keep them with save_for_backward" in row.diagnosis) is bool(failed)
