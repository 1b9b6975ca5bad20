"""What noise leaves of a measurement, on blocks whose answer is known."""

import random

import pytest

from runner.clock.noise import change, interval, spread, width


def blocks(seconds: float, count: int = 31, noise: float = 0.03, seed: int = 0) -> list[float]:
    """Blocks as a shared machine gives them: with a long tail, and now and then a much slower one."""
    rng = random.Random(seed)
    return [
        seconds * (1 + rng.expovariate(1 / noise)) * (3 if rng.random() < 0.05 else 1) for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, 3.0], (1.0, 3.0)),
        ([*map(float, range(1, 10))], (2.0, 8.0)),
        ([*map(float, range(1, 32))], (11.0, 21.0)),
        ([2.0] * 9, (2.0, 2.0)),
    ],
)
def test_the_interval_of_a_median_lies_between_order_statistics(
    values: list[float], expected: tuple[float, float]
) -> None:
    assert interval(random.Random(1).sample(values, len(values))) == expected


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    middle = 1 + 0.03 * 0.6931471805599453  # of the exponential tail
    held = 0
    for seed in range(400):
        low, high = interval(blocks(1.0, seed=seed, noise=0.03))
        held += low <= middle * 1.003 and high >= middle
    assert held >= 0.92 * 400


def test_width_and_spread_are_parts_and_differences() -> None:
    assert width([*map(float, range(1, 10))]) == 6.0 / 5.0
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == 2.0


@pytest.mark.parametrize(
    ("factor", "answers"),
    [
        (1.0, {"same"}),
        (1.05, {"slower"}),
        (1.5, {"slower"}),
        (1 / 1.05, {"faster"}),
        (0.5, {"faster"}),
    ],
)
def test_a_change_is_named_and_noise_is_not(factor: float, answers: set[str]) -> None:
    found = [
        change(
            blocks(1e-4, seed=seed, noise=0.01, count=60),
            blocks(factor * 1e-4, seed=999 - seed, noise=0.01, count=60),
        )
        for seed in range(20)
    ]
    named = sum(one.answer in answers for one in found)
    assert named >= 18, found
    assert not {one.answer for one in found} & ({"faster", "slower"} - answers), "never the other way"
    assert all(one.low <= one.ratio <= one.high for one in found)


def test_much_noise_is_ambiguous_and_so_are_few_blocks() -> None:
    assert change(blocks(1.0, 9, noise=0.5), blocks(1.2, 9, noise=0.5, seed=5)).answer == "ambiguous"
    assert change([1.0, 1.0], [2.0, 2.0]).answer == "ambiguous", "no rank test refuses two blocks at 1 %"


def test_a_change_below_half_the_least_effect_is_none() -> None:
    found = change([1.0] * 40, [1.02] * 40)
    assert found.answer == "same"
    assert [found.low, found.ratio, found.high] == pytest.approx([1.02] * 3)


@pytest.mark.parametrize("factor", [1.0, 1.02, 1.5])
def test_a_comparison_reversed_is_that_of_new_and_old(factor: float) -> None:
    old, new = blocks(1.0, seed=1), blocks(factor, seed=2)
    there, back = change(old, new).reversed, change(new, old)
    assert there.answer == back.answer
    figures = [(one.ratio, one.low, one.high) for one in (there, back)]
    assert figures[0] == pytest.approx(figures[1], rel=1e-12)
