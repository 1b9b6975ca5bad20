"""What a diagnosis says holds elsewhere: names at a second shape, findings where they are smallest."""

from typing import Annotated, Any

import pytest
import torch
from torch import Tensor

from runner.case.resolve import resolve
from runner.formula import above
from runner.settings import Check, Config, Inputs, Level
from tests.checks.planting import judged
from tests.conftest import Plant
from tests.registry import rows

Gradients = dict[str, Tensor]


def cubes(n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (n,)}


def cube(x: Tensor) -> Tensor:
    return x**3


def right(grad_y: Tensor, x: Tensor) -> Tensor:
    return 3 * x**2 * grad_y


def said(plant: Plant, backward: Any, n: int = 3, level: Level = "full", **record: Any) -> str:
    record = {"forward": cube, "shapes": cubes, "shape": {"n": n}, **record}
    (row,) = judged(plant, backward, level=level, **record)
    assert not row.error
    assert row.verdict in ("wrong", "invalid")
    return str(row.diagnosis)


@pytest.mark.parametrize("level", ["off", "quick", "full"])
@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (lambda n: 1.5, "off by a factor of 3/2"),
        (lambda n: 1 / n, "off by a factor of 1/3 (n)"),
        (lambda n: (n - 1) / n, "off by a factor of 2/3 ((n-1)/n)"),
        (lambda n: 3.0, "off by a factor of 3"),
        (lambda n: 3.0 if n == 3 else 6.0, "off by a factor of 3 here, and 6 at n=5"),
        (lambda n: 3.0 if n == 3 else 1.0, "off by a factor of 3 here, and 1 at n=5"),
    ],
)
def test_a_factor_has_the_name_that_holds_at_a_second_shape(
    plant: Plant, level: Level, factor: Any, words: str
) -> None:
    def backward(grad_y: Tensor, x: Tensor) -> Gradients:
        return {"x": factor(len(x)) * right(grad_y, x)}

    assert said(plant, backward, level=level) == words


def test_a_hyper_parameter_is_changed_too(plant: Plant) -> None:
    def backward(grad_y: Tensor, x: Tensor, *, p: float) -> Gradients:
        return {"x": grad_y * p**2}

    def forward(x: Tensor, *, p: Annotated[float, above(0, 0.3, 0.7)] = 0.25) -> Tensor:
        return p * x

    assert said(plant, backward, forward=forward) == "off by a factor of 1/4 (p)"


def test_what_no_second_shape_confirms_is_a_perhaps(plant: Plant) -> None:
    def forward(x: Tensor) -> Tensor:
        assert len(x) == 3
        return x**3

    def backward(grad_y: Tensor, x: Tensor) -> Gradients:
        return {"x": right(grad_y, x) / len(x)}

    assert said(plant, backward, forward=forward) == "off by a factor of 1/3 (perhaps n)"


def test_upstream_gradients_of_ones_hide_nothing(plant: Plant) -> None:
    def backward(grad_y: Tensor, x: Tensor) -> Gradients:
        return {"x": grad_y}

    plant(backward, forward=cube, shapes=cubes)
    config = Config(formula="planted", shape={"n": 7}, check=Check("quick"), inputs=Inputs("normal"))
    assert config.upstream is None
    (row,) = rows(resolve(config))
    assert row.upstream == "ones"
    place, what = "at normal inputs and upstream gradients ", "the gradient is the upstream gradient"
    assert row.diagnosis == f"{place}{what}: no derivative is applied"


def beyond_a_block(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": torch.where(torch.arange(x.shape[-1]) < 128, right(grad_y, x), 0)}


def test_the_smallest_shape_that_fails_is_told_as_it_is_typed(plant: Plant) -> None:
    def shapes(rows: int, n: int) -> dict[str, tuple[int, ...]]:
        return {"x": (rows, n)}

    words = said(plant, beyond_a_block, shapes=shapes, shape={"rows": 4, "n": 7})
    assert words.endswith("; alone with shape.rows=1 shape.n=129, and right at shape.n=128"), words
    for n, verdict in ((129, "wrong"), (128, "unchecked")):
        (row,) = rows(resolve(Config(formula="planted", shape={"rows": 1, "n": n})))
        assert row.verdict == verdict


def test_the_number_at_which_it_fails_is_told(plant: Plant) -> None:
    def backward(grad_y: Tensor, x: Tensor) -> Gradients:
        return {"x": torch.where(x == 7, 0, right(grad_y, x))}

    words = said(plant, backward)
    assert "around_literals: " in words
    assert words.endswith("; alone with shape.n=1 inputs.scale=0.0 inputs.offset=7.0"), words


def test_what_needs_many_numbers_stays_as_small_as_it_can(plant: Plant) -> None:
    def backward(grad_y: Tensor, x: Tensor) -> Gradients:
        return {"x": right(grad_y, x) * (2 if len(x) >= 2 and x.abs().max() > 1e3 else 1)}

    words = said(plant, backward)
    assert "alone with shape.n=2 inputs.distribution=huge, and right at shape.n=1" in words, words
