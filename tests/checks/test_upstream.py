"""Upstream gradients as small as those of a long mean, and sums of one sign that are long."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runner.doors.catalogue import run
from tests.checks.planting import judged
from tests.conftest import Plant

Gradients = dict[str, Tensor]


def shapes(rows: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (rows, n), "b": (n,)}


def forward(x: Tensor, b: Tensor) -> Tensor:
    return 2 * x + b


RECORD: dict[str, Any] = {"shapes": shapes, "forward": forward, "shape": {"rows": 3, "n": 4}}


def right(grad_y: Tensor) -> Gradients:
    return {"x": 2 * grad_y, "b": grad_y.sum(0)}


def zero_where_small(grad_y: Tensor) -> Gradients:
    kept = torch.where(grad_y.abs() < 1e-6, torch.zeros_like(grad_y), grad_y)
    return right(kept)


def one_row_after_another(grad_y: Tensor) -> Gradients:
    """Sum in the dtype of the rows, where a small term is lost in a large sum."""
    total = torch.zeros_like(grad_y[0])
    for row in grad_y:
        total = total + row
    return {"x": 2 * grad_y, "b": total}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_small_upstream_gradient_is_not_none(plant: Plant, dtype: str) -> None:
    found = {
        (row.derivation, row.wrt): row
        for row in judged(plant, right, zero_where_small, dtype=dtype, **RECORD)
    }
    assert found["zero_where_small", "x"].failed_checks == "small_upstream"
    assert found["zero_where_small", "x"].verdict == "invalid"
    assert {row.failed_checks for (name, _), row in found.items() if name == "right"} == {""}


@pytest.mark.parametrize(("dtype", "verdict"), [("float32", "exact"), ("bfloat16", "inaccurate")])
def test_a_sum_that_stands_still_is_seen_at_few_rows(plant: Plant, dtype: str, verdict: str) -> None:
    found = {row.wrt: row for row in judged(plant, one_row_after_another, dtype=dtype, **RECORD)}
    assert found["x"].verdict == "exact"
    assert found["b"].verdict in (verdict, "correct") if dtype == "float32" else found["b"].verdict == verdict
    assert ("an upstream of one sign" in found["b"].diagnosis) is (dtype == "bfloat16")


@pytest.mark.parametrize(("seed", "layers", "batch"), [(16, [4, 8, 8, 3], 1), (6, [4, 2, 8, 3], 6)])
def test_what_overflows_on_the_way_for_autograd_too_is_no_fault(
    seed: int, layers: list[int], batch: int
) -> None:
    result = run(
        "linear_network",
        shape={"layers": layers, "batch": batch},
        seed=seed,
        dtype="float16",
        upstream="normal",
        inputs={"distribution": "normal"} if seed == 6 else {},
        check="quick",
    )
    assert result, str(result)


def running(x: Tensor, b: Tensor) -> Tensor:
    return x.cumsum(-1) + b


def of_running(grad_y: Tensor) -> Tensor:
    return grad_y.flip(-1).cumsum(-1).flip(-1)


def for_ones(grad_y: Tensor) -> Gradients:
    return {"x": of_running(torch.ones_like(grad_y)), "b": grad_y.sum(0)}


class Remembering:
    """The right gradient at first, and then that one again at its shape."""

    __name__ = "remembering"

    def __init__(self) -> None:
        self.kept: dict[Any, Tensor] = {}

    def __call__(self, grad_y: Tensor) -> Gradients:
        kept = self.kept.setdefault((grad_y.shape, grad_y.dtype), of_running(grad_y).clone())
        return {"x": kept.clone(), "b": grad_y.sum(0)}


def remembering(grad_y: Tensor) -> Gradients:
    return memory(grad_y)


memory = Remembering()


@pytest.mark.parametrize(
    ("derivation", "told"),
    [(for_ones, "does not depend on the upstream gradient"), (remembering, "is that of an earlier call")],
    ids=["for_ones", "remembering"],
)
def test_a_constant_gradient_is_no_memory(plant: Plant, derivation: Any, told: str) -> None:
    found = {row.wrt: row for row in judged(plant, derivation, **{**RECORD, "forward": running})}
    assert told in found["x"].diagnosis
    assert found["b"].verdict == "exact"
