"""A wrong gradient is explained in words and figures."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.diagnose.diagnosed import COLUMN, NOTHING, ROW, SQUARE, SYMMETRIC, T, U, X, numbers, replaced, told


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (-1, "the sign is wrong: the gradient is -1 times the truth"),
        (2, "off by a factor of 2"),
        (-0.5, "off by a factor of -1/2"),
        (1 / 5, "off by a factor of 1/5 (m)"),
        (7, "off by a factor of 7 (n)"),
        (-7, "off by a factor of -7 (n)"),
        (7 / 6, "off by a factor of 7/6 (n/(n-1))"),
        (4 / 5, "off by a factor of 4/5 ((m-1)/m)"),
        (2 / 7, "off by a factor of 2/7 (2/n)"),
        (3.5, "off by a factor of 7/2 (n/2)"),
        (49, "off by a factor of 49 (n^2)"),
        (1 / 6, "off by a factor of 1/6 (1/(n-1))"),
        (1 / 9, "off by a factor of 1/9 (p/(1-p))"),
        (5**0.5, "off by a factor of 2.23607 (sqrt(m))"),
        (7**-0.5, "off by a factor of 0.377964 (1/sqrt(n))"),
        (35, "off by a factor of 35 (numel)"),
        (1 / 35, "off by a factor of 1/35 (numel)"),
        (5 / 7, "off by a factor of 5/7 (m/n)"),
        (0.1, "off by a factor of 1/10 (p)"),
        (1 / 0.9, "off by a factor of 10/9 (1/(1-p))"),
        (1e-5, "off by a factor of 1/100000 (eps)"),
        (0.6931471805599453, "off by a factor of 0.693147 (ln 2)"),
        (1.2345, "off by a factor of 1.2345, which has no simple name"),
        (1 + 1e-11, "off by a factor of 1 + 1e-11, which has no simple name"),
        (1 - 2e-10, "off by a factor of 1 - 2e-10, which has no simple name"),
    ],
)
def test_a_factor_is_named(factor: float, words: str) -> None:
    assert told(factor * T) == words


def test_every_dimension_of_a_size_is_named() -> None:
    assert told(SQUARE / 5, SQUARE) == "off by a factor of 1/5 (m or n)"
    assert told(2 * T, dimensions={"heads": 2}) == "off by a factor of 2 (or heads)"
    assert told(T / 3, dimensions={"batch": [2, 3], "n": 7}) == "off by a factor of 1/3 (batch[1])"
    assert told(T / 6, dimensions={"batch": [2, 3]}) == "off by a factor of 1/6 (the product of batch)"
    assert told(T / 33, dimensions={"a": 11, "b": 3}) == "off by a factor of 1/33 (1/(a*b))"
    assert told(T / 2.5, upstream=torch.tensor(2.5)) == "off by a factor of 2/5 (1/the upstream gradient)"


@pytest.mark.parametrize(
    ("found", "right", "words"),
    [
        ([2.0], [4.0], "2 instead of 4: a factor of 1/2"),
        ([2.1], [3.7], "2.1 instead of 3.7: a factor of 0.567568"),
        ([5.0, 5.0], [6.0, 6.0], "every element is 5 instead of 6: a factor of 5/6"),
        ([0.0, 0.0], [6.0, 6.0], "the gradient is zero everywhere; the truth is up to 6 in size"),
        ([1.0], [0.0], NOTHING + "1 of 1 elements differ, the worst at [0]: 1 instead of 0"),
        ([0.5, 0.0], [0.0, 0.0], NOTHING + "1 of 2 elements differ, the worst at [0]: 0.5 instead of 0"),
        ([1.0, 2.0], [2.0, 1.0], NOTHING + "2 of 2 elements differ, the worst at [0]: 1 instead of 2"),
    ],
)
def test_few_numbers_prove_little(found: list[float], right: list[float], words: str) -> None:
    known: dict[str, Any] = {"value": None, "upstream": None, "dimensions": {"n": 9}, "params": {}}
    assert told(torch.tensor(found), torch.tensor(right), **known) == words


def test_a_scalar() -> None:
    assert told(torch.tensor(2.0), torch.tensor(1.0)) == "2 instead of 1: a factor of 2"


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        (0 * T, "the gradient is zero everywhere; the truth is up to "),
        (U, "the gradient is the upstream gradient: no derivative is applied"),
        (U / 7, "the gradient is the upstream gradient, times 1/7 (n)"),
        (T * U, "divided by the upstream gradient, element by element, the gradient is right"),
        (T / U, "multiplied by the upstream gradient, element by element, the gradient is right"),
        (T / X, "multiplied by the input, element by element, the gradient is right"),
        (T.T.reshape(5, 7), "the right numbers, transposed and read into shape (5, 7)"),
        (T.flip(0), "the right numbers, flipped along axis 0"),
        (-T.flip(1), "the right numbers, flipped along axis 1, times -1"),
        (T.roll(1, 1), "the right numbers, shifted by 1 along axis 1"),
        (T.roll(-1, 0), "the right numbers, shifted by -1 along axis 0"),
        (T + 0.3, "off by a number that is constant everywhere, 0.3"),
        (T + COLUMN, "off by a number that is constant along axis 1, "),
        (T + ROW, "off by a number that is constant along axis 0, "),
        (T + 0.1 * X, "off by 1/10 (p) times the input"),
        (T + 0.37 * X, "off by 0.37 times the input"),
        (T + U, "off by the upstream gradient"),
        (T - U, "off by -1 times the upstream gradient"),
        (T.sum(0).expand(5, 7), "each element is the sum of the right ones over axis 0"),
        (T.mean(1, keepdim=True).expand(5, 7), "each element is the mean of the right ones over axis 1"),
        (T * COLUMN, "off by a factor that changes along axis 0 only: "),
        (T * ROW, "off by a factor that changes along axis 1 only: "),
        (T.clamp(-0.5, 0.5), "clipped at 0.5 in size: "),
        (T + COLUMN * X, "off by a multiple of the input, another in each row along axis 1, "),
        (T + COLUMN * (X - X.mean(1, keepdim=True)), "off by a linear function of the input, "),
    ],
)
def test_a_hypothesis_that_explains_everything(gradient: Tensor, words: str) -> None:
    assert told(gradient).startswith(words)


def test_a_mean_that_is_not_subtracted() -> None:
    centred = T - T.mean(1, keepdim=True)
    assert told(centred + COLUMN, centred) == (
        "off by a number that is constant along axis 1, "
        f"{COLUMN.abs().min():.3g} to {COLUMN.abs().max():.3g} in size, "
        "and right once its mean is subtracted there"
    )


def test_a_mean_in_place_of_a_sum_over_the_upstream_gradient() -> None:
    upstream = numbers(3, 7, 4)
    assert told(T[0] / 12, T[0], upstream=upstream, dimensions={"n": 7}, value=None) == (
        "off by a factor of 1/12 (the size of the upstream gradient along axes 0 and 2)"
    )


def test_the_gradient_by_another_input() -> None:
    assert told(X, T, others={"b": ROW, "c": X}) == "it is the gradient by c"
    assert (
        told(ROW, T, others={"b": ROW, "c": X}) == "shape (1, 7) instead of (5, 7): it is the gradient by b"
    )


def test_more_than_two_axes() -> None:
    cube = numbers(4, 4, 3)
    assert (
        told(cube.permute(1, 0, 2), cube) == "the right numbers, transposed (its axes in the order [1, 0, 2])"
    )
    by_row = numbers(4, 1, 3, seed=5)
    assert told(cube * by_row, cube).startswith("off by a factor that is constant along axis 1: ")
    assert told(cube + by_row, cube).startswith("off by a number that is constant along axis 1, ")


def test_square_matrices() -> None:
    assert told(SQUARE.T, SQUARE) == "the right numbers, transposed"
    assert told(SQUARE.T / 2, SQUARE) == "the right numbers, transposed, times 1/2"
    lower = 2 * SYMMETRIC.tril(-1) + SYMMETRIC.diag().diag()
    assert told(lower, SYMMETRIC) == (
        "not symmetric as the truth is: the mean of the gradient and its transpose is right"
    )
    half = SYMMETRIC / 2 + SQUARE - SQUARE.T
    assert told(half, SYMMETRIC) == (
        "not symmetric as the truth is: the sum of the gradient and its transpose is right"
    )
    doubled = torch.where(torch.eye(5) > 0, SQUARE, 2 * SQUARE)
    assert told(doubled, SQUARE).startswith(
        "wrong only off the diagonal (20 of 25 elements): it is the truth"
    )
    assert told(SQUARE.tril(), SQUARE).startswith(
        "wrong only above the diagonal (10 of 25 elements): it is 0"
    )


def test_right_numbers_in_other_places() -> None:
    swapped = replaced(([1, 3], [1, 2]), T[[3, 1], [2, 1]])
    assert told(swapped) == "elements [1,1] and [3,2] are swapped"
    order = torch.randperm(35, generator=torch.Generator().manual_seed(0))
    shuffled = T.flatten()[order].reshape(5, 7)
    moved = int((shuffled != T).sum())
    assert told(shuffled) == f"the right numbers in other places: {moved} of 35 elements have moved"
