"""Hyper-parameters, masks, and the numbers that stand in the code."""

from typing import Annotated, Any, Literal

import pytest
import torch
from torch import Tensor

from runner.formula import Draw
from runner.formula.domain import at_least
from tests.checks.planting import judged
from tests.conftest import Plant

Gradients = dict[str, Tensor]
ROWS = {"m": 4, "n": 5}


def rows_of_x(m: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (m, n)}


def reduced(
    x: Tensor, *, how: Literal["sum", "mean"] = "sum", power: Annotated[float, at_least(1, 2.0, 3.0)] = 2.0
) -> Tensor:
    y = x.abs() ** power
    return y.sum() if how == "sum" else y.mean()


def of_reduced(grad_y: Tensor, x: Tensor, how: str, power: float) -> Gradients:
    grad = grad_y * power * x.sign() * x.abs() ** (power - 1)
    return {"x": grad if how == "sum" else grad / x.numel()}


def of_the_sum(grad_y: Tensor, x: Tensor, power: float) -> Gradients:
    return {"x": grad_y * power * x.sign() * x.abs() ** (power - 1)}


def of_the_square(grad_y: Tensor, x: Tensor, how: str) -> Gradients:
    return of_reduced(grad_y, x, how, 2.0)


@pytest.mark.parametrize(
    ("derivation", "said"), [(of_the_sum, "for how=mean"), (of_the_square, "for power=3.0")]
)
def test_the_examples_of_every_domain_are_visited(plant: Plant, derivation: Any, said: str) -> None:
    record: dict[str, Any] = {"shapes": rows_of_x, "forward": reduced, "shape": ROWS}
    right, wrong = judged(plant, of_reduced, derivation, **record)
    assert right.verdict in ("exact", "correct")
    assert right.failed_checks == ""
    assert (wrong.verdict, wrong.failed_checks) == ("wrong", "other_params")
    assert said in wrong.diagnosis


def with_mask(m: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (m, n), "mask": (m, n)}


def some(rng: Draw, m: int, n: int) -> Gradients:
    mask = rng.boolean((m, n), 0.7)
    mask[:, 0] = True
    return {"mask": mask}


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    return (x * mask).sum(-1) / mask.sum(-1).clamp(min=1)


def careful(grad_y: Tensor, x: Tensor, mask: Tensor) -> Gradients:
    return {"x": mask * (grad_y / mask.sum(-1).clamp(min=1))[:, None]}


def careless(grad_y: Tensor, x: Tensor, mask: Tensor) -> Gradients:
    return {"x": mask * (grad_y / mask.sum(-1))[:, None]}


def test_a_row_in_which_all_is_masked_is_visited(plant: Plant) -> None:
    record: dict[str, Any] = {"shapes": with_mask, "sample": some, "forward": masked_mean, "shape": ROWS}
    right, wrong = judged(plant, careful, careless, **record)
    assert (right.verdict, right.failed_checks) == ("exact", "")
    assert (wrong.verdict, wrong.failed_checks) == ("wrong", "other_masks")
    assert "mask 0 in its first row" in wrong.diagnosis


def exponents(m: int) -> dict[str, tuple[int, ...]]:
    return {"x": (m,), "p": (m,)}


def above_one(rng: Draw, m: int) -> Gradients:
    return {"x": rng.uniform((m,), 0.1, 2.0), "p": rng.uniform((m,), 1.3, 2.5)}


def power(x: Tensor, p: Tensor) -> Tensor:
    return x**p


def of_power(grad_y: Tensor, x: Tensor, p: Tensor) -> Gradients:
    assert bool((p > 1.3 - 1e-3).all() and (p < 2.5 + 1e-3).all()), "sampled values keep their range"
    return {"x": grad_y * p * x ** (p - 1), "p": grad_y * x**p * torch.log(x)}


def test_what_a_formula_samples_keeps_its_range(plant: Plant) -> None:
    found = judged(plant, of_power, shapes=exponents, sample=above_one, forward=power, shape={"m": 6})
    assert {row.failed_checks for row in found} == {""}, [row.diagnosis for row in found]


def shrunk(x: Tensor) -> Tensor:
    return torch.nn.functional.hardshrink(x, 7.5)


def of_shrunk(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": grad_y * (x.abs() > 7.5)}


def closed_at_the_kink(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": grad_y * (x.abs() >= 7.5)}


def test_numbers_in_the_source_are_visited(plant: Plant) -> None:
    record: dict[str, Any] = {"shapes": rows_of_x, "forward": shrunk, "shape": ROWS}
    right, wrong = judged(plant, of_shrunk, closed_at_the_kink, **record)
    assert (right.verdict, right.failed_checks) == ("correct", "")
    assert (wrong.verdict, wrong.failed_checks) == ("wrong", "around_literals")
