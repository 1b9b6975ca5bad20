"""The judge says the same through every door."""

from typing import Any

import numpy as np
import pytest
import torch

from runner.doors.judge import judge
from tests.doors.subjects import DOORS, ENGINE, JAX, MISTAKES, reference

WRONG = {
    "none": {},
    "factor": {"x": "wrong"},
    "no slope": {"x": "wrong"},
    "output for tanh": {"x": "wrong"},
    "mean for sum": {"w": "wrong"},
    "upstream squared": {"x": "wrong"},
    "rows of four": {"w": "wrong"},
    "no sum": {"w": "invalid"},
}
SAYS = {"factor": "off by a factor of 2", "mean for sum": "1/", "no sum": "the sum over axis 0 is missing"}


def arguments(door: str, dtype: torch.dtype) -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(7, 5, generator=generator).to(dtype)
    w = torch.linspace(-1.5, 2, 5).to(dtype)
    if door == "pair":
        return [x.numpy(), w.numpy()]
    return [x] if door.startswith("module") else [x, w]


def judged(door: str, mistake: str, dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
    subject = DOORS[door](MISTAKES[mistake])
    if isinstance(subject, torch.nn.Module):
        subject = subject.to(dtype)
    outputs: dict[str, Any] = {"outputs": ("y",)} if door == "Function with setup_context" else {}
    return judge(subject, reference, *arguments(door, dtype), **outputs, **settings)


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("door", DOORS)
def test_every_door_says_the_same(door: str, mistake: str) -> None:
    result = judged(door, mistake)
    wrong = WRONG[mistake]
    if mistake == "no sum" and door in ENGINE:
        wrong = {}  # the engine sums it, as in training
    if mistake == "no sum" and door in JAX:  # which refuses it itself
        assert [row["status"] for row in result.rows] == ["failed"]
        return
    found = {row["wrt"]: row["verdict"] for row in result.rows}
    assert {*found} == {"x", "w"}
    assert {wrt: verdict for wrt, verdict in found.items() if verdict not in ("exact", "correct")} == wrong
    assert bool(result) == (not wrong)
    for row in result.rows:
        if row["wrt"] in wrong:
            assert SAYS.get(mistake, "") in row["diagnosis"]


@pytest.mark.parametrize("door", DOORS)
def test_right_gradients_are_right_in_every_dtype_at_full(door: str) -> None:
    others = {"pair": ["float64"], "jax": []}.get(door, ["float64", "bfloat16"])  # JAX compiles each shape
    result = judged(door, "none", check="full", dtypes=["float32", *others])
    assert result, str(result)
    assert {row["verdict"] for row in result.rows} <= {"exact", "correct"}


@pytest.mark.parametrize("door", ["Function", "op", "pair", "module with a backward"])
def test_what_is_wrong_at_other_shapes_alone_is_found(door: str) -> None:
    subject = DOORS[door](MISTAKES["rows of four"])
    given = [value[:4] if np.ndim(value) == 2 else value for value in arguments(door, torch.float32)]
    assert judge(subject, reference, *given, check="quick")
    result = judge(subject, reference, *given, check="full")
    assert {row["wrt"]: row["verdict"] for row in result.rows} == {"x": "exact", "w": "wrong"} or {
        row["wrt"]: row["verdict"] for row in result.rows
    } == {"x": "correct", "w": "wrong"}
    (wrong,) = (row for row in result.rows if row["verdict"] == "wrong")
    assert "x0=5" in wrong["diagnosis"]


def test_finite_differences_alone_say_so_and_find_mistakes() -> None:
    x, w = (torch.randn(3, 5, dtype=torch.float64), torch.randn(5, dtype=torch.float64))
    for mistake, is_right in {"none": True, "factor": False, "mean for sum": False}.items():
        result = judge(DOORS["Function"](MISTAKES[mistake]), None, x, w)
        assert bool(result) == is_right
        assert all("finite differences of its own forward" in row["notes"] for row in result.rows)
