"""A gradient that is wrong in some places only, not finite, or of the wrong shape."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.diagnose.diagnosed import COLUMN, INF, NAN, ROW, T, U, X, numbers, replaced, told

LONG = numbers(35, 3)
WITH_ZEROS = X * (numbers(5, 7, seed=6) > -0.7)
WITH_TIES = X.round()


@pytest.mark.parametrize(
    ("wrong", "value", "where"),
    [
        (WITH_ZEROS == 0, WITH_ZEROS, "where the input is 0"),
        (X < 0, X, "where the input is negative"),
        (X > 0, X, "where the input is positive"),
        (
            X > 0.8,
            X,
            f"where the input is {X[X > 0.8].min():.4g} or more (right up to {X[X <= 0.8].max():.4g})",
        ),
        (X.abs() > 0.8, X, f"where the input's size is {X.abs()[X.abs() > 0.8].min():.4g} or more"),
    ],
)
def test_wrong_only_at_some_values(wrong: Tensor, value: Tensor, where: str) -> None:
    count = f"({int(wrong.sum())} of 35 elements)"
    for_zero, for_any = told(T.where(~wrong, 0.0), value=value), told(T.where(~wrong, U * X), value=value)
    assert for_zero.startswith(f"wrong only {where}")
    assert for_any.startswith(f"wrong only {where}")
    assert f"{count}: it is 0 there; at [" in for_zero
    assert f"{count}: at [" in for_any


def test_wrong_only_at_ties() -> None:
    tied = X.clone()
    tied[:, 2] = tied[:, 5] = tied.amax(1) + 1
    at_top = replaced((slice(None), [2, 5]), 2 * T[:, [2, 5]])
    assert told(at_top, value=tied).startswith("wrong only where inputs tie for the largest of their row ")
    tied[:, 2] = tied[:, 5] = 0.05
    assert told(at_top, value=tied).startswith("wrong only where inputs of a row are equal ")


def test_wrong_only_where_the_truth_is_zero() -> None:
    masked = T * (X > 0.3)
    assert told(T, masked, value=None).startswith("wrong only where the truth is 0 (")


@pytest.mark.parametrize(
    ("index", "where"),
    [
        (-1, "in the last of 35 along axis 0 (1 = 35 mod 2) (3 of 105 elements)"),
        (slice(32, None), "in the last 3 of 35 along axis 0 (3 = 35 mod 4, 8, 16 or 32) (9 of 105 elements)"),
        (0, "in the first of 35 along axis 0 (3 of 105 elements)"),
        (slice(0, 4), "in the first 4 of 35 along axis 0 (12 of 105 elements)"),
        (17, "in [17] along axis 0 (3 of 105 elements)"),
        (slice(5, 9), "in [5:9] along axis 0 (12 of 105 elements)"),
        ([5, 9, 20], "in [5], [9] and [20] along axis 0 (9 of 105 elements)"),
        (slice(1, None, 2), "in every second slice along axis 0, from [1] (51 of 105 elements)"),
        ((slice(None), 2), "in the last of 3 along axis 1 (1 = 3 mod 2) (35 of 105 elements)"),
        ((4, 1), "at [4,1] (1 of 105 elements)"),
        ((slice(32, None), slice(0, 2)), "in the last 3 of 35 along axis 0 (3 = 35 mod 4, 8, 16 or 32) and "),
    ],
)
def test_wrong_only_in_some_places(index: Any, where: str) -> None:
    assert told(replaced(index, 0.0, LONG), LONG).startswith(f"wrong only {where}")


def test_wrong_only_in_the_tails_of_two_axes() -> None:
    wide = numbers(35, 37)
    tiles = replaced((slice(0, 32), slice(0, 32)), wide[:32, :32], 3 * wide)
    words = told(tiles, wide)
    assert words.startswith(
        "wrong only in the last 3 of 35 along axis 0 (3 = 35 mod 4, 8, 16 or 32) or the last 5"
    )
    assert "it is the truth there, times 3" not in words.partition(":")[0]


def test_wrong_signs() -> None:
    count = int((X < 0).sum())
    assert told(T.where(X > 0, -T)) == (
        f"right in size, of the wrong sign in {count} of 35 elements, where the input is negative"
    )
    assert (
        told(replaced((2, 3), -T[2, 3])) == "right in size, of the wrong sign in 1 of 35 elements, at [2,3]"
    )
    scattered = T * numbers(5, 7, seed=9).sign()
    assert told(scattered, value=None).startswith("right in size, of the wrong sign in ")


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        (replaced((1, 2), NAN), "1 NaN in 35 elements, at [1,2]; all others are right"),
        (replaced(-1, NAN), "7 NaN in 35 elements, in the last of 5 along axis 0 (1 = 5 mod 2 or 4); all "),
        (
            replaced((0, 0), -INF, 2 * T),
            "1 Inf in 35 elements, at [0,0]; 34 of the finite ones are wrong too",
        ),
        (T * NAN, "35 NaN in 35 elements: every one"),
        (T.where(WITH_ZEROS != 0, NAN), "where the input is 0; all others are right"),
        (replaced(([0, 1], [0, 0]), torch.tensor([NAN, INF]).double()), "1 NaN and 1 Inf in 35 elements, "),
    ],
)
def test_not_a_number(gradient: Tensor, words: str) -> None:
    assert words in told(gradient, value=WITH_ZEROS)


def test_the_same_nan_is_no_difference() -> None:
    truth = replaced((0, 0), NAN)
    assert told(replaced((0, 0), NAN, 2 * T), truth) == "off by a factor of 2"
    assert told(T, truth) == "finite in 1 of 35 elements where the truth is not, at [0,0]"


@pytest.mark.parametrize(
    ("gradient", "truth", "words"),
    [
        (T.T, T, "shape (7, 5) instead of (5, 7): the right gradient, transposed"),
        (T[None], T, "shape (1, 5, 7) instead of (5, 7): the numbers are right, dimensions of size 1 apart"),
        (
            COLUMN[:, 0],
            COLUMN,
            "shape (5,) instead of (5, 1): the numbers are right, dimensions of size 1 apart",
        ),
        (T.reshape(7, 5), T, "shape (7, 5) instead of (5, 7): the numbers are right, reshaped"),
        (
            T,
            T.sum(0),
            "shape (5, 7) instead of (7,): the sum over axis 0 is missing; with it the gradient is right",
        ),
        (T, T.sum(1, keepdim=True), "shape (5, 7) instead of (5, 1): the sum over axis 1 is missing; with"),
        (T, T.sum(0) / 5, "the sum over axis 0 is missing; with it the gradient is right, times 5 (batch)"),
        (
            ROW,
            ROW.expand(5, 7),
            "shape (1, 7) instead of (5, 7): repeated along axis 0 the gradient is right",
        ),
        (T.sum(0), T, "shape (7,) instead of (5, 7): it is the sum of the right gradient over axis 0"),
        (T.mean(1), T, "shape (5,) instead of (5, 7): it is the mean of the right gradient over axis 1"),
        (U.T, T, "shape (7, 5) instead of (5, 7); no simple explanation: neither transposed nor summed"),
        (torch.zeros(0, 3), torch.zeros(3, 0), "shape (0, 3) instead of (3, 0)"),
    ],
)
def test_a_wrong_shape(gradient: Tensor, truth: Tensor, words: str) -> None:
    assert words in told(gradient, truth, dimensions={"batch": 5}, value=None, upstream=None)
