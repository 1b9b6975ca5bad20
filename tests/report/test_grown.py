"""Growth in the summary, from rows as a sweep of sizes gives them."""

from typing import Any

import pytest

from runner.report.grown import MOST_SHAPES, Costs, sizes


def row(shape: str, **costs: float | None) -> dict[str, Any]:
    return {
        "shape": shape,
        "manual_ms": 1.0,
        "autograd_ms": 2.0,
        "peak_memory_mb": 0.5,
        "operations": 7,
        **costs,
    }


def test_each_dimension_that_was_varied_alone_has_its_exponents() -> None:
    costs = Costs()
    for m, n in [(2**k, 64) for k in range(6, 12)] + [(64, 2**k) for k in range(6, 12)]:
        for seed in range(3):
            memory, operations = 1e-6 * m * n, m * m * n
            costs.add(
                row(
                    f"m={m} n={n}",
                    manual_ms=m**2 * n * (1 + seed),
                    peak_memory_mb=memory,
                    operations=operations,
                )
            )
    assert costs.cells() == {
        "time_growth": "m=2.00[2.00,2.00] n=1.00[1.00,1.00]",
        "autograd_time_growth": "m=0.00[0.00,0.00] n=0.00[0.00,0.00]",
        "memory_growth": "m=1.00[1.00,1.00] n=1.00[1.00,1.00]",
        "operations_growth": "m=2.00[2.00,2.00] n=1.00[1.00,1.00]",
    }


@pytest.mark.parametrize("count", [0, 1, 3, MOST_SHAPES + 10])
def test_too_few_sizes_and_too_many_say_nothing(count: int) -> None:
    costs = Costs()
    for m in range(1, count + 1):
        costs.add(row(f"m={m}"))
    assert {*costs.cells().values()} == {""}


def test_what_was_not_timed_says_nothing() -> None:
    costs = Costs()
    for m in (1, 2, 4, 8, 16):
        costs.add(row(f"m={m}", manual_ms=None))
    assert {*costs.cells().values()} == {""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m=20 n=5", {"m": 20, "n": 5}),
        ("batch=[3,5] V=7", {"batch": [3, 5], "V": 7}),
        ("batch=[] V=7", {"V": 7}),
        ("", {}),
    ],
)
def test_shapes_are_read_as_they_are_spelled(text: str, expected: dict[str, Any]) -> None:
    assert sizes(text) == expected
