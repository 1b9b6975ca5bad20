"""Error measures and bounds, on numbers small enough to work out by hand."""

import math

import pytest
import torch

from runner import compare
from runner.compare import identical_bits, max_abs_error, measure
from runner.verdicts import worst

NAN, INF = math.nan, math.inf


def tensor(*values: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((1.0, 2.0), (1.0, 2.0), True),
        ((0.0,), (-0.0,), False),
        ((NAN,), (NAN,), True),
        ((1.0,), (1.0000001,), False),
        ((), (), True),
    ],
)
def test_identical_bits(one: tuple[float, ...], other: tuple[float, ...], same: bool) -> None:
    assert identical_bits(tensor(*one), tensor(*other)) is same


def test_identical_bits_compares_shape_and_dtype_first() -> None:
    assert not identical_bits(torch.ones(2, 3), torch.ones(3, 2))
    assert not identical_bits(torch.ones(2), torch.ones(2).double())
    assert identical_bits(torch.ones(3, 2).T, torch.ones(2, 3))
    assert identical_bits(torch.ones(5)[::5], torch.ones(1)), "one element, of another stride"
    assert identical_bits(torch.ones(1).expand(3), torch.ones(3))
    assert identical_bits(torch.tensor(1.0), torch.tensor(1.0))


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.int64, torch.bfloat16, torch.complex64, torch.complex128]
)
def test_identical_bits_of_every_kind(dtype: torch.dtype) -> None:
    numbers = torch.tensor([0, 1, 1]).to(dtype)
    assert identical_bits(numbers, numbers.clone())
    assert not identical_bits(numbers, numbers.flip(0))


def test_a_difference_in_the_digits_that_overflow_is_counted() -> None:
    errors = measure(tensor(INF, 2.0, dtype=torch.float16), tensor(1e5, 2.0, dtype=torch.float64))
    assert (errors.nonfinite, errors.worst_index, errors.size) == (1, (0,), 1e5)


@pytest.mark.parametrize(
    ("found", "truth", "error", "nonfinite"),
    [
        ((1.0, 2.5), (1.0, 2.0), 0.5, 0),
        ((NAN, 2.0), (1.0, 2.0), NAN, 1),
        ((INF, 2.0), (1.0, 2.0), INF, 1),
        ((INF, 2.0), (INF, 2.0), 0.0, 0),
        ((-INF, 2.0), (INF, 2.0), INF, 1),
        ((NAN, 2.0), (NAN, 2.0), 0.0, 0),
        ((1.0, 2.0), (NAN, 2.0), NAN, 0),
        ((NAN, INF), (1.0, 2.0), NAN, 2),
    ],
)
def test_nan_never_passes(
    found: tuple[float, ...], truth: tuple[float, ...], error: float, nonfinite: int
) -> None:
    measured = measure(tensor(*found), tensor(*truth, dtype=torch.float64))
    assert measured.max_abs == pytest.approx(error, nan_ok=True)
    assert max_abs_error(tensor(*found), tensor(*truth)) == pytest.approx(error, nan_ok=True)
    assert measured.nonfinite == nonfinite
    if math.isnan(error):
        assert not measured.max_abs <= 1e300


def test_measures_of_one_ulp() -> None:
    u = 2.0**-24
    errors = measure(tensor(1 + 2 * u, 4.0, 2.0), tensor(1.0, 4.0, 2.0, dtype=torch.float64))
    assert (errors.size, errors.max_abs) == (4.0, 2 * u)
    assert errors.in_u == 2 * u / (u * 4)
    assert (errors.ulp_p50, errors.ulp_p99) == (0.0, 1.0)
    assert errors.rel_l2 == pytest.approx(2 * u / math.sqrt(21))
    assert (errors.worst_index, errors.at_worst, errors.reference_at_worst) == ((0,), 1 + 2 * u, 1.0)


def test_an_error_where_truth_is_zero_is_infinite_in_u() -> None:
    assert measure(tensor(1e-30), tensor(0.0, dtype=torch.float64)).in_u == INF


def test_empty_and_scalar_gradients() -> None:
    assert measure(torch.ones(0, 3), torch.ones(0, 3).double()).max_abs == 0.0
    scalar = measure(torch.tensor(1.5), torch.tensor(1.0).double())
    assert (scalar.max_abs, scalar.worst_index) == (0.5, ())


def test_correctness_bound() -> None:
    assert compare.correctness_bound(3.0, 1e-15, 2.0) == pytest.approx(64 * (1e-15 + 2.0**-52 * 3) + 2e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_accuracy_bound_is_capped(dtype: torch.dtype) -> None:
    info, u = torch.finfo(dtype), torch.finfo(dtype).eps / 2
    tiny = info.smallest_normal * info.eps
    cap = 4 * u * 2 + 4 * math.sqrt(100) * min(u, 2**-24) * 2
    assert compare.accuracy_bound(2.0, dtype, 100, 0.0) == pytest.approx(4 * u + 4 * tiny)
    assert compare.accuracy_bound(2.0, dtype, 100, 1e9) == pytest.approx(cap + 4 * u + 4 * tiny)
    assert compare.accuracy_bound(2.0, dtype, 100, NAN) == pytest.approx(cap + 4 * u + 4 * tiny)


def test_verdicts_are_ordered() -> None:
    assert worst("exact", "wrong", "correct") == "wrong"
    assert worst("exact", "inaccurate") == "inaccurate"
