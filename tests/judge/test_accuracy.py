"""What a dtype may lose: the plain bound, and what forward and cancellation are measured to take."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runner import compare
from runner.formula.derivation import Derivation
from runner.judge.accuracy import CANCELS, FORWARD, Accuracy
from runner.judge.reference import by_forward, in_float64
from tests.by_hand import Function, Gradients, at, formula_of, of_twice, twice

BF16, U = torch.bfloat16, 2.0**-8


def excused(forward: Function, derivation: Function, **known: Any) -> tuple[Accuracy, Tensor]:
    inputs = known.pop("inputs", {"x": [1, 2]})
    formula = formula_of(forward, derivation, **known)
    case = at(formula, dtype=BF16, **inputs)
    exact = in_float64(case)
    (only,) = formula.derivations.values()
    assert isinstance(only, Derivation)
    truth = by_forward(exact)
    return Accuracy(case, only, truth), truth["x"]


def plain(accuracy: Accuracy, truth: Tensor) -> float:
    return compare.accuracy_bound(compare.magnitude(truth), BF16, accuracy.case.terms, 0.0)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_an_error_within_the_plain_bound_is_measured_no_further(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracy, truth = excused(twice, of_twice)
    monkeypatch.setattr(Accuracy, "_of_forward", property(lambda self: pytest.fail("measured")))
    bound = plain(accuracy, truth)
    assert accuracy.bound("x", 0.0, share * bound) == bound


def test_a_gradient_is_no_more_accurate_than_the_results_that_it_uses() -> None:
    def saved(x: Tensor) -> dict[str, Tensor]:
        return {"y": 2 * x, "same": x + 300 - 300}

    accuracy, truth = excused(saved, of_twice, saved=("same",), inputs={"x": [1, 1]})
    lost = 1 - U  # 301 is none of bfloat16's numbers; one rounding of the result is no loss
    assert accuracy._of_forward == pytest.approx(lost)
    bound = accuracy.bound("x", 0.0, 1.0)
    assert bound >= plain(accuracy, truth) + FORWARD * lost * 2


def test_a_forward_that_loses_nothing_excuses_nothing() -> None:
    accuracy, _ = excused(twice, of_twice)
    assert accuracy._of_forward == 0.0


@pytest.mark.parametrize("x", [[], [0, 0], [float("nan"), 1]], ids=["empty", "zeros", "NaN"])
def test_where_forward_has_no_relative_error(x: list[float]) -> None:
    accuracy, _ = excused(lambda x: x / 3, lambda grad_y: {"x": grad_y / 3}, inputs={"x": x})
    assert accuracy._of_forward == 0.0


def test_what_cancels_out_of_the_upstream_is_excused() -> None:
    def centred(x: Tensor) -> Tensor:
        return x - x.mean()

    def of_centred(grad_y: Tensor) -> Gradients:
        return {"x": grad_y - grad_y.mean()}

    accuracy, truth = excused(centred, of_centred, inputs={"x": [1, 2, 3, 4]})
    assert truth.abs().max() == 0, "ones cancel; terms that were rounded on the way do not"
    bound = accuracy.bound("x", 0.0, 1.0)
    assert plain(accuracy, truth) < 1e-30
    accumulated = CANCELS * compare.ACCUMULATOR_ROUNDOFF
    assert accumulated / 4 < bound < 4 * accumulated


@pytest.mark.parametrize("stored", [True, False])
def test_what_forward_stores_in_the_dtype_is_excused(stored: bool) -> None:
    def forward(x: Tensor) -> dict[str, Tensor]:
        return {"y": x**2 / 2, "third": x / 3}

    def from_stored(grad_y: Tensor, third: Tensor) -> Gradients:
        return {"x": 3 * third * grad_y}

    def from_input(grad_y: Tensor, x: Tensor) -> Gradients:
        return {"x": x * grad_y}

    accuracy, _ = excused(forward, from_stored if stored else from_input, saved=("third",))
    lost = 2 * U  # of the largest, 2
    without = accuracy.bound("x", 0.0, 1.0) - CANCELS * lost * stored
    other, _ = excused(forward, from_input, saved=("third",))
    assert without == pytest.approx(other.bound("x", 0.0, 1.0))


def test_a_kernel_of_one_dtype_has_no_such_measurement() -> None:
    def only_bfloat16(grad_y: Tensor) -> Gradients:
        if grad_y.dtype != BF16:
            raise TypeError("bfloat16 alone")
        return of_twice(grad_y)

    kernel, _ = excused(twice, only_bfloat16)
    plain_one, _ = excused(twice, of_twice)
    assert kernel.bound("x", 0.0, 1.0) == plain_one.bound("x", 0.0, 1.0)
