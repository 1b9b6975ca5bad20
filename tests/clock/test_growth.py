"""Exponents of costs that grow as they are told to."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from runner.clock.growth import growth

SIZES = [2**power for power in range(6)]


def alone(cost: Callable[..., float], base: dict[str, Any]) -> list[tuple[dict[str, Any], float]]:
    """Double each dimension alone, as sweep=scaling does."""
    shapes = [{**base, name: base[name] * factor} for name in base for factor in SIZES]
    return [(shape, cost(**shape)) for shape in shapes]


@pytest.mark.parametrize(
    ("cost", "exponents"),
    [
        (lambda m, n: m * n, (1.0, 1.0)),
        (lambda m, n: m * m * n, (2.0, 1.0)),
        (lambda m, n: n**3.0, (0.0, 3.0)),
        (lambda m, n: 7.0, (0.0, 0.0)),
    ],
)
def test_powers_are_found(cost: Callable[..., float], exponents: tuple[float, float]) -> None:
    found = growth(alone(cost, {"m": 512, "n": 256}))
    assert (found["m"].value, found["n"].value) == pytest.approx(exponents)
    assert found["m"].low == pytest.approx(found["m"].high) == pytest.approx(exponents[0])
    assert found["m"].sizes == len(SIZES)


def test_what_every_call_costs_hides_no_growth_of_large_sizes() -> None:
    found = growth(alone(lambda n: 20 + n, {"n": 64}))["n"]
    assert 0.9 < found.value < 1.0
    assert found.low < found.value < found.high


def test_noise_widens_the_interval_around_the_exponent() -> None:
    rng = random.Random(3)
    found = growth(alone(lambda n: n * (1 + 0.2 * rng.random()), {"n": 64}))["n"]
    assert found.low < 1 < found.high
    assert found.high - found.low > 0.1


def test_several_costs_of_a_shape_count_as_their_median() -> None:
    points = alone(lambda n: n, {"n": 64})
    slow = [(shape, cost * 100) for shape, cost in points[::2]]
    assert growth([*points, *points, *slow])["n"].value == pytest.approx(1.0)


def test_a_list_of_sizes_grows_as_its_sum() -> None:
    points = [({"layers": [5 * f, 9 * f]}, float(f)) for f in SIZES]
    assert growth(points)["layers"].value == pytest.approx(1.0)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [({"n": n}, 1.0) for n in (1, 2, 4)],  # too few
        [({"n": n, "m": n}, 1.0) for n in (1, 2, 4, 8)],  # none alone
        [({"n": n}, 0.0) for n in (1, 2, 4, 8)],  # nothing measured
        [({"n": n}, float("nan")) for n in (1, 2, 4, 8)],
    ],
)
def test_without_four_sizes_nothing_is_said(points: list[Any]) -> None:
    assert growth(points) == {}
