"""NaN and Inf go where they must; what was not compared is said; gross losses are faults."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runner.doors.catalogue import run
from tests.checks.planting import judged
from tests.conftest import Plant

Gradients = dict[str, Tensor]
SHAPE = {"m": 4, "n": 5}


def rows(m: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (m, n)}


def softmax(x: Tensor) -> Tensor:
    return torch.softmax(x, -1)


def of_softmax(grad_y: Tensor, y: Tensor) -> Gradients:
    return {"x": y * (grad_y - (grad_y * y).sum(-1, keepdim=True))}


def by_logarithm(grad_y: Tensor, x: Tensor) -> Gradients:
    y = torch.softmax(x, -1)
    entropy = (y * x).sum(-1, keepdim=True)  # 0 times -inf
    return {"x": y * (grad_y - (grad_y * y).sum(-1, keepdim=True)) + 0 * entropy}


def without_nan(grad_y: Tensor, y: Tensor) -> Gradients:
    return {"x": of_softmax(grad_y, y)["x"].nan_to_num(0.0)}


def over_all_rows(grad_y: Tensor, x: Tensor) -> Gradients:
    y = torch.softmax(x - x.max(), -1)  # the largest of all rows, where that of each is meant
    return of_softmax(grad_y, y)


@pytest.mark.parametrize(
    ("derivation", "said"),
    [
        (by_logarithm, "for -inf in x: 5 elements are not finite that autograd leaves finite"),
        (without_nan, "elements that depend on it are finite"),
    ],
)
def test_what_nan_and_inf_must_do(plant: Plant, derivation: Any, said: str) -> None:
    right, wrong = judged(plant, of_softmax, derivation, shapes=rows, forward=softmax, shape=SHAPE)
    assert (right.verdict, right.failed_checks, right.notes) == ("correct", "", "")
    assert (wrong.verdict, wrong.failed_checks) == ("wrong", "non_finite")
    assert said in wrong.diagnosis


def test_a_nan_that_goes_too_far_is_a_note(plant: Plant) -> None:
    (row,) = judged(plant, over_all_rows, shapes=rows, forward=softmax, shape=SHAPE)
    assert "non_finite" not in row.failed_checks
    assert "15 elements are not finite that autograd leaves finite" in row.notes


def relu(x: Tensor) -> Tensor:
    return torch.relu(x)


def masked(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": grad_y * (x > 0)}


def chosen(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": torch.where(x > 0, grad_y, 0.0)}


def test_conventions_at_nan_are_no_fault(plant: Plant) -> None:
    for found in judged(plant, masked, chosen, shapes=rows, forward=relu, shape=SHAPE):
        assert found.failed_checks == "", found.diagnosis


def variance(x: Tensor) -> Tensor:
    return x.var(-1)


def careless_of_one(grad_y: Tensor, x: Tensor) -> Gradients:
    n = x.shape[-1]
    if n == 1:
        return {"x": x.clone()}
    return {"x": grad_y[..., None] * 2 * (x - x.mean(-1, keepdim=True)) / (n - 1)}


@pytest.mark.filterwarnings("ignore:var")
def test_how_much_was_not_compared_is_said(plant: Plant) -> None:
    (row,) = judged(plant, careless_of_one, shapes=rows, forward=variance, shape=SHAPE)
    assert row.failed_checks == ""
    assert "elements are not compared, for n=1" in row.notes
    assert "float64 autograd is not finite there" in row.notes


def tanh(x: Tensor) -> Tensor:
    return torch.tanh(x)


def wraps_beyond(grad_y: Tensor, y: Tensor) -> Gradients:
    """Address more elements than an integer of this kernel holds: those of 16 bits, taken for 14."""
    found = grad_y * (1 - y * y)
    places = torch.arange(found.numel()) % 2**14
    return {"x": found.flatten()[places].view(found.shape)}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_loss_that_float64_has_too_is_wrong(plant: Plant, dtype: str) -> None:
    shape = {"m": 30, "n": 30}
    (row,) = judged(plant, wraps_beyond, shapes=rows, forward=tanh, shape=shape, dtype=dtype)
    assert (row.verdict, row.failed_checks.split()[-1:]) == ("wrong", ["precision"])


def through_a_sum(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": grad_y * ((1e4 + 1 - torch.tanh(x) ** 2) - 1e4)}


def test_a_loss_that_float64_has_not_is_inaccurate(plant: Plant) -> None:
    (row,) = judged(plant, through_a_sum, shapes=rows, forward=tanh, shape=SHAPE)
    assert (row.verdict, "precision" in row.failed_checks) == ("inaccurate", True)


def test_a_comparison_with_nan_may_go_either_way(plant: Plant) -> None:
    """Whether a pair violates its margin decides for both, though a smaller change of one may not show it."""

    def margins(z: Tensor) -> Tensor:
        return torch.clamp(z[1:] - z[0] - 2, min=0).sum()

    def violated(grad_y: Tensor, z: Tensor) -> dict[str, Tensor]:
        violations = (~(z[1:] - z[0] - 2 < 0)).to(z)  # NaN among them, which autograd's clamp counts not
        return {"z": grad_y * torch.cat([-violations.sum()[None], violations])}

    formula = plant(violated, forward=margins, shapes=lambda n: {"z": (n,)})
    for seed in range(6):
        (row,) = run(formula.name, shape={"n": 6}, seed=seed, check="full").rows
        assert row["verdict"] in ("exact", "correct"), (seed, row["diagnosis"])
