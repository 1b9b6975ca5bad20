"""Numbers below the normal ones on forward's way, and what they excuse."""

import dataclasses

import pytest
import torch
from torch import Tensor

from runner.case.spec import case_of
from runner.judge.underflow import underflows
from tests.checks.planting import judged
from tests.conftest import Plant
from tests.registry import assert_right, rows, specification


@pytest.mark.parametrize(("scale", "expected"), [(1.0, False), (100.0, True)])
def test_a_subnormal_number_on_forwards_way_is_seen(plant: Plant, scale: float, expected: bool) -> None:
    spec = specification("softmax", dtype="float32", shape={"size": [8, 64]}, params={"dim": -1})
    spec = dataclasses.replace(spec, inputs=dataclasses.replace(spec.inputs, scale=scale * 10))
    assert underflows(case_of(spec)) is expected


def forward(x: Tensor) -> Tensor:
    """Return x by a way whose numbers are subnormal from 88 on, in float32."""
    e = torch.exp(-x.abs().clamp(max=95))
    return e * x / e


def reciprocal(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
    """Divide by what is subnormal, as autograd does."""
    e = torch.exp(-x.abs().clamp(max=95))
    return {"x": e * grad_y * (1 / e)}


def gives_up_early(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
    """Lose what autograd keeps, at numbers whose reciprocals are in range."""
    early = (x.abs() > 40) & (x.abs() < 60) & (x.dtype == torch.float32)
    return {"x": torch.where(early, torch.nan, reciprocal(grad_y, x)["x"])}


def shapes(n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (n,)}


def test_what_overflows_for_underflow_is_excused_where_autograd_overflows_too(plant: Plant) -> None:
    (row,) = judged(plant, reciprocal, shape={"n": 40}, forward=forward, shapes=shapes)
    assert row.verdict == "correct", row.diagnosis


def test_an_element_that_autograd_keeps_is_not(plant: Plant) -> None:
    (row,) = judged(plant, gives_up_early, shape={"n": 40}, forward=forward, shapes=shapes)
    assert row.verdict == "inaccurate", row.diagnosis
    assert "inputs times 300" in row.diagnosis


def test_a_reciprocal_of_what_underflows_is_right_code() -> None:
    shape = {"batch": [2, 17], "T": 7, "d": 4, "e": 5}
    spec = specification("linear_attention", dtype="float32", seed=6, shape=shape, upstream="ones")
    assert_right("linear_attention", "float32", rows(dataclasses.replace(spec, check="full")))
