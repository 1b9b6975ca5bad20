"""A case holds one formula at concrete tensors, and changes none of them."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from runner.case.case import Case
from tests.by_hand import at, cube, formula_of, twice, values

NAN, INF = math.nan, math.inf
F64, F32, BF16 = torch.float64, torch.float32, torch.bfloat16


def power(x: Tensor, mask: Tensor, i: Tensor, *, exponent: int = 2) -> dict[str, Tensor]:
    return {"y": mask * x**exponent + i, "square": x**2}


def case(**known: Any) -> Case:
    formula = formula_of(power, constants=("mask",), saved=("square",))
    given = {"x": [2, 3], "mask": [1, 0], "i": torch.tensor([5, 6]), **known}
    return at(formula, {"y": [10, 20]}, params={"exponent": 3}, **given)


def test_floating_inputs_that_are_not_constant_are_differentiable() -> None:
    assert case().differentiable == ["x"]
    assert at(formula_of(lambda i: i * 1), i=torch.tensor([1])).differentiable == []


def test_everything_that_a_derivation_may_ask_for() -> None:
    known = case().values
    assert [*known] == ["exponent", "x", "mask", "i", "y", "square", "grad_y"]
    assert known["exponent"] == 3
    tensors = {name: value for name, value in known.items() if isinstance(value, Tensor)}
    assert values(tensors) == {
        "x": [2, 3],
        "mask": [1, 0],
        "i": [5, 6],
        "y": [13, 6],
        "square": [4, 9],
        "grad_y": [10, 20],
    }


def test_results_are_computed_once_and_without_a_graph() -> None:
    calls = []

    def counted(x: Tensor) -> Tensor:
        calls.append(torch.is_grad_enabled())
        return 2 * x

    made = Case(formula_of(counted), {"x": torch.ones(2, requires_grad=True)}, {}, {"y": torch.ones(2)})
    assert made.results is made.results
    assert calls == [False]
    assert not made.results["y"].requires_grad


def test_forward_and_library_are_evaluated_at_other_inputs() -> None:
    made, other = at(formula_of(twice, library=cube), x=[1]), {"x": torch.tensor([3.0])}
    assert values(made.evaluate(other)) == {"y": [6]}
    assert values(made.evaluate_library(other)) == {"y": [27]}
    assert values(at(formula_of(twice), x=[1]).evaluate_library(other)) == {"y": [6]}


def test_a_change_applies_to_floating_tensors_alone() -> None:
    made = case()
    changed = made.map(lambda tensor: tensor + 1)
    assert values(changed.inputs) == {"x": [3, 4], "mask": [2, 1], "i": [5, 6]}
    assert values(changed.upstream) == {"y": [11, 21]}
    assert values(changed.results) == {"y": [2 * 27 + 5, 64 + 6], "square": [9, 16]}
    assert values(made.inputs) == {"x": [2, 3], "mask": [1, 0], "i": [5, 6]}


@pytest.mark.parametrize("dtype", [F64, F32, BF16])
def test_a_move_rounds_what_is_floating(dtype: torch.dtype) -> None:
    moved = case(x=[0.1, 1]).to("cpu", dtype)
    assert moved.dtype == dtype
    assert [t.dtype for t in (*moved.inputs.values(), *moved.upstream.values())] == [
        dtype, dtype, torch.int64, dtype,
    ]  # fmt: skip
    assert moved.inputs["x"].tolist() == torch.tensor([0.1, 1], dtype=F64).to(dtype).tolist()


def test_what_was_rounded_stays_so_in_float64() -> None:
    assert values(at(formula_of(cube), dtype=BF16, x=[0.1]).to("cpu", F64).inputs) == {"x": [0.10009765625]}


@pytest.mark.parametrize(
    ("inputs", "dtype"),
    [
        ({"x": torch.ones(2, dtype=BF16)}, BF16),
        ({"i": torch.tensor([1]), "x": torch.ones(1, dtype=F64)}, F64),
        ({"i": torch.tensor([1])}, F32),
    ],
)
def test_the_dtype_is_that_of_the_floating_inputs(inputs: dict[str, Tensor], dtype: torch.dtype) -> None:
    assert Case(formula_of(cube), inputs, {}, {}).dtype == dtype


def test_the_device_is_that_of_the_inputs() -> None:
    assert case().device == torch.device("cpu")
    assert case().to("meta", F32).device == torch.device("meta")


@pytest.mark.parametrize(("x", "terms"), [([], 1), ([1], 2), ([1, 2, 3], 6)])
def test_terms_are_all_the_numbers_that_go_in(x: list[float], terms: int) -> None:
    assert at(formula_of(cube), x=x).terms == terms


@pytest.mark.parametrize(
    ("upstream", "size"), [([1, -3], 3), ([NAN, 2], 2), ([INF, -2], 2), ([NAN, INF], 0), ([], 0)]
)
def test_the_size_of_the_upstream_is_that_of_its_finite_numbers(upstream: list[float], size: float) -> None:
    assert at(formula_of(cube), {"y": upstream}, x=[1] * len(upstream)).upstream_size == size


def test_the_size_of_several_upstreams_is_the_largest() -> None:
    formula = formula_of(lambda x: {"y": x * 1, "z": x * 2}, outputs=("y", "z"))
    assert at(formula, {"y": [1], "z": [-7]}, x=[1]).upstream_size == 7


def test_results_are_changed_without_the_inputs() -> None:
    made = case()
    changed = made.with_results(lambda name, tensor: -tensor)
    assert values(changed.results) == {"y": [-13, -6], "square": [-4, -9]}
    assert changed.inputs == made.inputs
    assert values(made.results) == {"y": [13, 6], "square": [4, 9]}


def test_the_upstream_is_changed_without_the_results() -> None:
    made = case()
    changed = made.with_upstream({"y": torch.tensor([7.0, 8.0])})
    assert values(changed.upstream) == {"y": [7, 8]}
    assert changed.results is made.results
    assert values(made.upstream) == {"y": [10, 20]}
