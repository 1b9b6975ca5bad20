"""Where nothing simple explains a wrong gradient, nothing is claimed."""

from typing import Any

import pytest
import torch

from tests.diagnose.diagnosed import BOUND, COLUMN, NAN, NOTHING, T, U, X, judged, numbers, replaced, told


@pytest.mark.parametrize("size", [(3,), (2, 2), (5, 7), (5, 5), (3, 4, 5), (2, 3, 1, 4)])
@pytest.mark.parametrize("bound", [1e-12, 1e-3])
def test_arbitrary_mistakes_have_no_simple_explanation(size: tuple[int, ...], bound: float) -> None:
    for seed in range(20):
        wrong, truth, value, upstream = (numbers(*size, seed=100 * i + seed) for i in range(1, 5))
        known: dict[str, Any] = {"dimensions": dict(zip("klmn", size, strict=False)), "params": {"p": 0.1}}
        words = judged(wrong, truth, bound, value=value, upstream=upstream, **known)
        assert words.startswith(NOTHING)


@pytest.mark.parametrize("draws", ["counts", "masks", "constants"])
def test_arbitrary_mistakes_among_few_levels(draws: str) -> None:
    levels = {"counts": 5.0, "masks": 1.0, "constants": 0.0}[draws]
    for seed in range(20):
        wrong = (numbers(4, 5, seed=seed) * 4).round()
        truth = (numbers(4, 5, seed=50 + seed).clamp(0, 1) * levels).round() + (draws == "constants") * 1.37
        assert judged(wrong, truth, 1e-12, value=wrong.roll(1), upstream=torch.ones(4, 5)).startswith(NOTHING)


def test_scattered_mistakes_have_no_simple_explanation() -> None:
    for seed in range(20):
        chosen = torch.randperm(35, generator=torch.Generator().manual_seed(seed))[:17]
        wrong = T.flatten().index_add(0, chosen, numbers(17, seed=seed)).reshape(5, 7)
        assert told(wrong).startswith(f"{NOTHING}17 of 35 elements differ, the worst at [")


def test_the_worst_element_is_named() -> None:
    wrong = T.flatten().index_add(0, torch.tensor([3, 17, 30]), torch.tensor([0.1, -0.5, 0.2]).double())
    assert told(wrong.reshape(5, 7)) == (
        f"{NOTHING}3 of 35 elements differ, the worst at [2,3]: {T[2, 3] - 0.5:.4g} instead of {T[2, 3]:.4g}"
    )


def test_nothing_is_wrong() -> None:
    assert told(T + BOUND / 2) == "every element is within the bound of 1e-11"
    assert told(torch.zeros(0, 3), torch.zeros(0, 3)) == "every element is within the bound of 1e-11"


def test_a_bound_that_hides_everything_proves_nothing() -> None:
    for wrong in (2 * T, 0 * T, T.flip(0), T + COLUMN):
        words = judged(10 * wrong, T, 3.0, value=X, upstream=U, dimensions={"m": 5})
        assert words.startswith((NOTHING, "every element is within"))


def test_half_precision_tells_a_factor() -> None:
    rounded = numbers(35, 37).bfloat16()
    bound = 2.0**-8 * float(rounded.abs().max())
    assert judged(2 * rounded, rounded, bound) == "off by a factor of 2"
    assert judged(-rounded, rounded, bound).startswith("the sign is wrong")


def test_an_argument_is_left_as_it_is() -> None:
    gradient, truth = replaced((0, 0), NAN), replaced((0, 0), NAN)
    told(gradient, truth)
    assert gradient[0, 0].isnan()
    assert truth[0, 0].isnan()
