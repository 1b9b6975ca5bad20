"""A case under a condition, and how near an error comes to what is excused there."""

import math

import pytest
import torch

from runner.formula.kind import GRADIENT, JACOBIAN
from runner.judge.reference import of_kind
from runner.judge.sample import Sample
from tests.by_hand import Function, at, cube, formula_of, twice, values

F64, F32, BF16 = torch.float64, torch.float32, torch.bfloat16


def sample(forward: Function, x: list[float], dtype: torch.dtype = F64, *, kink: bool = False) -> Sample:
    case = at(formula_of(forward), dtype=dtype, x=x)
    return Sample.of("some numbers", case, of_kind(GRADIENT), kink=kink)


def test_the_truth_is_that_of_the_rounded_numbers_in_float64() -> None:
    made = sample(cube, [0.1, 2], BF16)
    assert values(made.truth) == {"x": [3 * 0.10009765625**2, 12]}
    assert made.truth["x"].dtype == F64
    assert (made.condition, made.kink, made.shape) == ("some numbers", False, None)


def test_the_truth_is_of_what_is_differentiated() -> None:
    made = Sample.of("a Jacobian", at(formula_of(cube), x=[1, 2]), of_kind(JACOBIAN))
    assert values(made.truth) == {"x": [[3, 0], [0, 12]]}


@pytest.mark.parametrize("error", [1e-12, 1e-3, 1.0])
def test_the_ratio_is_the_error_over_the_bound(error: float) -> None:
    made = sample(twice, [1, 2])
    bound = made.bound("x")
    without = 64 * 2.0**-52 * 2 + 1e-12  # eps max|t|, and max|G|
    floor = bound - without
    assert 0 < floor < 64 * 2.0**-52 * 2, "of 2 g a unit roundoff or two of g is all that moves"
    assert made.ratio("x", error) == error / (without if error <= without else bound)


@pytest.mark.parametrize(
    ("error", "right"), [(0.0, True), (1e-13, True), (1e-9, False), (math.inf, False), (math.nan, False)]
)
def test_right_is_a_ratio_of_one_or_less(error: float, right: bool) -> None:
    assert (sample(twice, [1, 2]).ratio("x", error) <= 1) is right


def test_without_an_error_nothing_is_computed() -> None:
    assert sample(cube, []).ratio("x", 0.0) == 0.0
    assert sample(twice, [1]).ratio("no such input", 0.0) == 0.0


def test_the_noise_of_a_cancellation_is_excused() -> None:
    made = sample(lambda x: (x - 1e6) ** 2 / 2, [1e6 + 0.5])
    ulp = 2.0**-33  # of a million; the gradient is 0.5, and the bound without noise 1e-12
    assert made.ratio("x", 2 * ulp) < 1
    assert made.ratio("x", 200 * ulp) > 1


def test_at_a_kink_the_noise_is_that_of_the_upstream_alone() -> None:
    broken_tie = sample(lambda x: x.amax(), [3.0] * 8)
    kept_tie = sample(lambda x: x.amax(), [3.0] * 8, kink=True)
    assert broken_tie.ratio("x", 0.1) < 1, "moving the inputs makes any gradient up to 1 look right"
    assert kept_tie.ratio("x", 0.1) > 1e9


@pytest.mark.parametrize("dtype", [F32, BF16])
def test_below_float64_the_bound_is_in_the_units_of_the_dtype(dtype: torch.dtype) -> None:
    made, u = sample(twice, [1, 2], dtype), torch.finfo(dtype).eps / 2
    assert 8 * u * 2 < made.bound("x") < 3 * 8 * u * 2
    assert made.ratio("x", 4 * u) < 1 < made.ratio("x", 50 * u)
