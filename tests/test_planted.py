"""A wrong gradient is reported, whatever is wrong with it, and the exit status says so."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.conftest import Plant, Run

Gradients = dict[str, Tensor]


def right(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(grad_y, x), "x": W.T @ grad_y}


def wrong_sign(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": -torch.outer(grad_y, x), "x": W.T @ grad_y}


def transposed(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(x, grad_y), "x": W.T @ grad_y}


def not_a_number(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    gradient = torch.outer(grad_y, x)
    gradient[0, 0] = torch.nan
    return {"W": gradient, "x": W.T @ grad_y}


def doubled(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": 2 * torch.outer(grad_y, x), "x": W.T @ grad_y}


def in_double(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(grad_y, x).double(), "x": W.T @ grad_y}


def reads_autograd(W: Tensor, x: Tensor) -> Gradients:
    with torch.enable_grad():
        leaf = W.detach().requires_grad_()
        return {"W": torch.autograd.grad((leaf @ x).sum(), leaf)[0], "x": W.sum(0)}


def through_backward(W: Tensor, x: Tensor) -> Gradients:
    with torch.enable_grad():
        leaf = W.detach().requires_grad_()
        (leaf @ x).sum().backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return {"W": leaf.grad, "x": W.sum(0)}


def through_func(W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.func.grad(lambda leaf: (leaf @ x).sum())(W), "x": W.sum(0)}


def through_forward_mode(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    tangent = torch.func.jvp(lambda v: W @ v, (x,), (torch.ones_like(x),))[1]
    return {"W": torch.outer(grad_y, x), "x": tangent.sum() * W.T @ grad_y}


def through_jacrev(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(grad_y, x), "x": torch.func.jacrev(lambda v: W @ v)(x).T @ grad_y}


def unknown_input(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"w": torch.outer(grad_y, x), "x": W.T @ grad_y}


def positions(grad_y: Tensor, W: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.outer(grad_y, x), W.T @ grad_y


def only_x(grad_y: Tensor, W: Tensor) -> Gradients:
    return {"x": W.T @ grad_y}


def raises(grad_y: Tensor) -> Gradients:
    raise ZeroDivisionError("in the derivation")


@pytest.mark.parametrize(
    ("derivation", "m", "verdict"),
    [
        (wrong_sign, 3, "wrong"),
        (transposed, 5, "wrong"),
        (transposed, 3, "invalid"),
        (not_a_number, 3, "wrong"),
        (doubled, 3, "wrong"),
        (in_double, 3, "invalid"),
    ],
)
def test_wrong_gradient(
    plant: Plant, run: Run, derivation: Callable[..., Gradients], m: int, verdict: str
) -> None:
    plant(derivation)
    outcome = run("formula=planted", f"shape.m={m}", "shape.n=5", "upstream=normal")
    by_input = {row["wrt"]: row for row in outcome.rows}
    assert by_input["W"]["verdict"] == verdict
    assert by_input["x"]["verdict"] in ("exact", "correct")
    assert verdict in outcome.out
    assert outcome.status == 1


def test_right_gradient_beside_a_wrong_one(plant: Plant, run: Run) -> None:
    plant(right, doubled)
    rows = run("formula=planted", "shape.m=3", "shape.n=5", "timing=quick", "timing.rounds=3").rows
    by_derivation = {row["derivation"]: row for row in rows if row["wrt"] == "W"}
    assert by_derivation["right"]["verdict"] == "exact"
    assert by_derivation["right"]["speedup"] > 0
    assert by_derivation["doubled"]["verdict"] == "wrong"
    assert by_derivation["doubled"]["speedup"] is None, "a wrong gradient has no speedup"
    assert by_derivation["doubled"]["manual_ms"] > 0


@pytest.mark.parametrize(
    ("derivation", "message"),
    [
        (reads_autograd, "calls autograd"),
        (through_backward, "calls autograd"),
        (through_func, "calls autograd"),
        (through_forward_mode, "calls autograd"),
        (through_jacrev, "calls autograd"),
        (unknown_input, "unknown gradient 'w'; did you mean 'W'? There is: W, x."),
        (positions, "returns tuple, not {input: gradient}"),
        (only_x, "no derivation gives the gradient of W; only_x give x"),
        (raises, "ZeroDivisionError: in the derivation"),
    ],
)
def test_broken_derivation(
    plant: Plant, run: Run, derivation: Callable[..., Gradients], message: str
) -> None:
    plant(derivation)
    outcome = run("formula=planted", "shape.m=3", "shape.n=5", "timing=off")
    (failed,) = (row for row in outcome.rows if row["status"] == "failed")
    assert message in failed["error"]
    assert outcome.status == 1


def test_forward_that_raises_leaves_the_others_alone(plant: Plant, run: Run) -> None:
    def broken(W: Tensor, x: Tensor) -> Tensor:
        raise ArithmeticError("no forward today")

    plant(right, forward=broken)
    outcome = run("-m", "formula=planted,matvec", "shape.m=3", "shape.n=5", "timing=off")
    assert {(row["formula"], row["status"]) for row in outcome.rows} == {
        ("planted", "failed"),
        ("matvec", "completed"),
    }
    assert "ArithmeticError: no forward today" in outcome.out
    assert outcome.status == 1


@pytest.mark.parametrize(("fail_on", "status"), [("wrong", 0), ("invalid", 1), ("exact", 1)])
def test_fail_on_moves_the_line(plant: Plant, run: Run, fail_on: str, status: int) -> None:
    plant(in_double)
    assert run("formula=planted", "shape.m=3", "shape.n=5", f"fail_on={fail_on}").status == status
