"""What checks may spend: counted, the same on every machine, and what it leaves out is said."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runner.checks.budget import CALL, MOST, Growth, Price, evenly, priced
from runner.checks.subject import SMALL
from tests.checks.planting import judged
from tests.conftest import Plant

Gradients = dict[str, Tensor]
SHAPE = {"T": 5, "n": 3}
RECORD: dict[str, Any] = {"shapes": lambda T, n: {"x": (T, n)}, "shape": SHAPE}


def step_by_step(x: Tensor) -> Tensor:
    """Sum along the first axis, one row after another."""
    total = x.new_zeros(x.shape[1:])
    for row in x:
        total = total + row
    return total


def right(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": torch.stack([grad_y.clone() for _ in x]) if len(x) else x.clone()}


def first_tile(grad_y: Tensor, x: Tensor) -> Gradients:
    """Leave what is behind the first 128 rows at zero."""
    return {"x": torch.cat([right(grad_y, x)["x"][:128], torch.zeros_like(x[128:])])}


def test_sizes_that_take_many_steps_are_left_out_and_named(plant: Plant) -> None:
    (row,) = judged(plant, right, forward=step_by_step, **RECORD)
    assert row.verdict == "exact"
    assert "T=4097" in row.notes
    assert "not visited" in row.notes
    assert "T=129" not in row.notes
    assert "n=4097" not in row.notes


def test_a_mistake_behind_the_first_tile_is_found_all_the_same(plant: Plant) -> None:
    (row,) = judged(plant, first_tile, forward=step_by_step, **RECORD)
    assert row.verdict == "wrong"
    assert "beyond_a_tile" in row.failed_checks


def test_both_derivations_of_a_kind_are_told_the_same(plant: Plant) -> None:
    found = judged(plant, right, first_tile, forward=step_by_step, **RECORD)
    left_out = {part for row in found for part in row.notes.split("; ") if "not visited" in part}
    assert len(left_out) == 1


def test_a_price_counts_operations_and_elements() -> None:
    x = torch.ones(1000)
    _, once = priced(lambda: x + x)
    _, twice = priced(lambda: (x + x) + x)
    assert once == Price(CALL, 3000)
    assert twice == Price(2 * CALL, 6000)


def test_a_price_counts_multiplications_of_matrices() -> None:
    a = torch.ones(64, 64)
    _, price = priced(lambda: a @ a)
    assert price == Price(CALL, 2 * 64**3 / 16)


@pytest.mark.parametrize(("power", "due"), [(0, 1), (1, 32), (2, 1024)])
def test_growth_follows_the_power_law_of_each_part(power: int, due: int) -> None:
    known = Growth().learned(8, Price(100, 8**power)).learned(32, Price(100, 32**power))
    assert known.at(1024) == pytest.approx(100 + due * 32**power)


def test_growth_by_one_size_is_in_proportion_and_by_none_is_nothing() -> None:
    assert Growth().at(4097) == 0
    assert Growth().learned(8, Price(10, 2)).at(80) == 120


@pytest.mark.parametrize(("price", "left"), [(1, 10), (MOST / 5, 5), (2 * MOST, 1)])
def test_items_are_taken_from_all_over(price: float, left: int) -> None:
    chosen = evenly(range(10), Price(price, 0))
    assert len(chosen) == left
    assert chosen == sorted({*chosen})
    assert chosen[0] == 0


def layers(n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (2,), **{f"w_{i}": (2,) for i in range(1, n + 1)}}


def added(x: Tensor, **w: Tensor) -> Tensor:
    return x + torch.stack([value * value for value in w.values()]).sum(0)


def by_layer(grad_y: Tensor, x: Tensor, **w: Tensor) -> Gradients:
    return {"x": grad_y * 1, **{name: grad_y * 2 * value for name, value in w.items()}}


def test_a_formula_may_have_fewer_inputs_at_the_small_shapes_of_checks(plant: Plant) -> None:
    found = judged(plant, by_layer, shapes=layers, forward=added, shape={"n": SMALL + 1})
    assert len(found) == 1 + SMALL + 1
    assert {row.verdict for row in found} <= {"exact", "correct"}, found[0].diagnosis
