"""Sums that are added up in another order each time, and numbers that are random."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.checks.planting import judged
from tests.conftest import Plant

Gradients = dict[str, Tensor]
RECORD: dict[str, Any] = {
    "shapes": lambda rows, n: {"x": (rows, n), "w": (n,)},
    "forward": lambda x, w: x * w,
}


def in_any_order(grad_y: Tensor, x: Tensor, w: Tensor) -> Gradients:
    terms = (grad_y * x)[torch.randperm(len(x))]
    total = torch.zeros_like(w)
    for start in range(8):
        total = total + terms[start::8].sum(0)
    return {"x": grad_y * w, "w": total}


def in_order(grad_y: Tensor, x: Tensor, w: Tensor) -> Gradients:
    return {"x": grad_y * w, "w": (grad_y * x).sum(0)}


def at_random(grad_y: Tensor, x: Tensor, w: Tensor) -> Gradients:
    found = in_order(grad_y, x, w)
    return {**found, "w": found["w"] * (1 + 1e-3 * torch.rand(()).to(x))}


@pytest.mark.parametrize("rows", [3, 40])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_another_order_is_a_note_with_its_spread(plant: Plant, rows: int, dtype: str) -> None:
    found = judged(plant, in_any_order, in_order, shape={"rows": rows, "n": 5}, dtype=dtype, **RECORD)
    assert {row.verdict for row in found} <= {"exact", "correct"}, [row.diagnosis for row in found]
    assert {row.failed_checks for row in found} == {""}
    of_any = {row.wrt: row.notes for row in found if row.derivation == "in_any_order"}
    assert "the gradient by w has other bits at the next call" in of_any["w"]
    assert "u apart, which the order of a sum explains" in of_any["w"]
    assert "other bits" not in of_any["x"]
    assert {row.notes for row in found if row.derivation == "in_order"} == {""}


def test_who_claims_the_same_bits_is_held_to_them(plant: Plant) -> None:
    record = {**RECORD, "deterministic": True}
    found = judged(plant, in_any_order, in_order, shape={"rows": 40, "n": 5}, **record)
    verdicts = {(row.derivation, row.wrt): (row.verdict, row.failed_checks) for row in found}
    assert verdicts["in_any_order", "w"] == ("invalid", "repeatable")
    assert verdicts["in_order", "w"][1] == ""


@pytest.mark.parametrize("level", ["quick", "full"])
def test_numbers_that_are_random_beyond_rounding_are_a_fault(plant: Plant, level: str) -> None:
    found = {
        row.wrt: row for row in judged(plant, at_random, shape={"rows": 3, "n": 5}, level=level, **RECORD)
    }
    assert "repeatable" in found["w"].failed_checks
    assert found["x"].failed_checks == ""


CALLS = [0]


def wrong_at_every_tenth_call(grad_y: Tensor, x: Tensor, w: Tensor) -> Gradients:
    CALLS[0] += 1
    found = in_order(grad_y, x, w)
    return {**found, "x": found["x"] * (1.01 if CALLS[0] % 10 == 0 else 1)}


def test_an_error_that_comes_and_goes_is_no_fault_of_a_shape(plant: Plant) -> None:
    found = {
        row.wrt: row for row in judged(plant, wrong_at_every_tenth_call, shape={"rows": 3, "n": 5}, **RECORD)
    }
    assert found["x"].verdict == "invalid"
    assert "the gradient by x has other bits at the next call" in found["x"].diagnosis
    assert "rows" not in found["x"].diagnosis


def test_a_wrong_sum_in_any_order_is_wrong(plant: Plant) -> None:
    def without_the_last(grad_y: Tensor, x: Tensor, w: Tensor) -> Gradients:
        return {**in_any_order(grad_y, x, w), "w": in_any_order(grad_y[:16], x[:16], w)["w"]}

    found = {row.wrt: row for row in judged(plant, without_the_last, shape={"rows": 3, "n": 5}, **RECORD)}
    assert found["w"].verdict == "wrong"
    assert "rows" in found["w"].diagnosis
