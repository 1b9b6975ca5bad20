"""What rounding explains: the arithmetic of a derivation, and neither its places nor its mistakes."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runner.judge.noise import own_rounding, widened
from tests.by_hand import Gradients, at, formula_of
from tests.checks.planting import judged
from tests.conftest import Plant

U = 2.0**-53


def halved(x: Tensor) -> Tensor:
    """Take every second number."""
    return x[..., ::2]


def scattered(grad_y: Tensor, x: Tensor) -> Gradients:
    """Put each number back, at a place that is computed in floating point."""
    place = (torch.arange(grad_y.shape[-1], dtype=x.dtype) * 2).floor().clamp(max=x.shape[-1]).long()
    return {"x": torch.zeros_like(x).index_add(-1, place, grad_y)}


def off_where_negative(grad_y: Tensor, x: Tensor) -> Gradients:
    grad = scattered(grad_y, x)["x"]
    return {"x": torch.where(x < 0, 1.001 * grad, grad)}


def test_whole_numbers_are_not_rounded() -> None:
    formula = formula_of(halved, scattered)
    case = at(formula, {"y": [0.3, 0.7, 0.1]}, x=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    moved = own_rounding(case, formula.derivations["scattered"])
    assert 0 < moved["x"] <= 3 * U


def test_a_mistake_beside_computed_places_is_wrong_at_quick(plant: Plant) -> None:
    record: dict[str, Any] = {"shapes": lambda m, n: {"x": (m, n)}, "shape": {"m": 3, "n": 8}}
    found = judged(plant, scattered, off_where_negative, forward=halved, level="quick", **record)
    assert {row.derivation: row.verdict for row in found} == {
        "scattered": "exact",
        "off_where_negative": "wrong",
    }


@pytest.mark.parametrize(("error", "is_excused"), [(1e-11, True), (1e-3, False)])
def test_an_error_of_more_than_a_quarter_of_the_digits_is_no_rounding(error: float, is_excused: bool) -> None:
    def twice(x: Tensor) -> Tensor:
        return 2 * x

    def cancelling(grad_y: Tensor) -> Gradients:
        return {"x": (2 * grad_y + 1e6 * grad_y) - 1e6 * grad_y}

    formula = formula_of(twice, cancelling)
    case = at(formula, {"y": [0.3, 0.7]}, x=[1.0, 2.0])
    bound = widened(1e-16, error, 2.0, case, formula.derivations["cancelling"], "x")
    assert (bound > error) is is_excused
