"""What a derivative should be, on numbers that can be differentiated by hand."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from runner.case.case import Case
from runner.formula.kind import JACOBIAN
from runner.judge.reference import by_forward, by_library, in_float64, of_kind, recorded, rounding_floor
from runner.judge.rounding import UNIT
from tests.by_hand import Function, at, cube, formula_of, product, same, tensor, twice, values

NAN, INF = math.nan, math.inf


def half_squared_distance(x: Tensor, c: Tensor) -> Tensor:
    return (x - c) ** 2 / 2


@pytest.mark.parametrize(
    ("forward", "upstream", "inputs", "expected"),
    [
        pytest.param(
            product,
            [1, -2],
            {"W": [[1, 2, 3], [4, 5, 6]], "x": [7, 8, 9]},
            {"W": [[7, 8, 9], [-14, -16, -18]], "x": [-7, -8, -9]},
            id="W x",
        ),
        pytest.param(cube, [1, 10], {"x": [2, -1]}, {"x": [12, 30]}, id="cube"),
        pytest.param(lambda x: x.abs(), [5, 5, 5], {"x": [-2, 0, 2]}, {"x": [-5, 0, 5]}, id="kink"),
        pytest.param(
            lambda x, y: ((x - y) ** 2).mean(),
            3,
            {"x": [1, 5], "y": [0, 7]},
            {"x": [3, -6], "y": [-3, 6]},
            id="loss",
        ),
        pytest.param(cube, [1, 1, 1], {"x": [NAN, INF, 1]}, {"x": [NAN, INF, 3]}, id="truth not finite"),
        pytest.param(lambda x: x.sqrt(), [1, 1], {"x": [0, 4]}, {"x": [INF, 0.25]}, id="infinite slope"),
        pytest.param(lambda x: (x**2).sqrt(), [1], {"x": [0]}, {"x": [NAN]}, id="no slope"),
        pytest.param(cube, [], {"x": []}, {"x": []}, id="empty"),
        pytest.param(
            lambda x, b: 2 * x, [3], {"x": [1], "b": [4, 5]}, {"x": [6], "b": [0, 0]}, id="unused input"
        ),
        pytest.param(lambda x: torch.ones_like(x), [3], {"x": [1]}, {"x": [0]}, id="constant output"),
    ],
)
def test_the_gradient_by_forward(
    forward: Function, upstream: Any, inputs: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = by_forward(at(formula_of(forward), {"y": upstream}, **inputs))
    assert found.keys() == expected.keys()
    assert [name for name in expected if not same(found[name], expected[name])] == []


def several(x: Tensor, b: Tensor) -> dict[str, Tensor]:
    return {"y": 2 * x, "z": b * b, "count": torch.tensor(len(x))}


def test_the_upstreams_of_several_outputs_add_up() -> None:
    formula = formula_of(several, outputs=("y", "z", "count"))
    found = by_forward(at(formula, {"y": [1, 10], "z": [100]}, x=[1, 2], b=[3]))
    assert values(found) == {"x": [2, 20], "b": [600]}


def test_integers_and_constants_have_no_gradient() -> None:
    formula = formula_of(lambda x, mask, i: x * mask + i, constants=("mask",))
    assert values(by_forward(at(formula, x=[1, 2], mask=[0, 3], i=torch.tensor([5, 6])))) == {"x": [0, 3]}


@pytest.mark.parametrize(
    ("forward", "inputs", "expected"),
    [
        pytest.param(cube, {"x": [1, 2]}, {"x": [[3, 0], [0, 12]]}, id="cube"),
        pytest.param(
            product, {"W": [[1, 2]], "x": [3, 4]}, {"W": [[[3, 4]]], "x": [[1, 2]]}, id="output + input"
        ),
        pytest.param(lambda x, b: 2 * x, {"x": [1], "b": [4, 5]}, {"x": [[2]], "b": [[0, 0]]}, id="unused"),
    ],
)
def test_the_jacobian_by_forward(forward: Function, inputs: dict[str, Any], expected: dict[str, Any]) -> None:
    assert values(by_forward(at(formula_of(forward), **inputs), JACOBIAN)) == expected
    assert values(of_kind(JACOBIAN)(at(formula_of(forward), **inputs))) == expected


def test_the_jacobian_is_that_of_the_first_output() -> None:
    formula = formula_of(lambda x: {"y": 2 * x, "z": x**3}, outputs=("y", "z"))
    assert values(by_forward(at(formula, x=[5]), JACOBIAN)) == {"x": [[2]]}


@pytest.mark.parametrize("size", [(0,), (2, 0), (0, 3)])
def test_the_jacobian_of_an_empty_output_is_empty(size: tuple[int, ...]) -> None:
    found = by_forward(at(formula_of(lambda x, b: x * 1), x=torch.zeros(size), b=[1, 2]), JACOBIAN)
    assert {name: tuple(value.shape) for name, value in found.items()} == {"x": size * 2, "b": (*size, 2)}


def test_what_a_user_would_call_is_asked_where_there_is_one() -> None:
    with_library = at(formula_of(twice, library=cube), x=[2.0])
    assert values(by_library(with_library)) == {"x": [12]}
    assert values(recorded(with_library).gradients()) == {"x": [12]}
    assert values(by_forward(with_library)) == {"x": [2]}
    assert values(by_library(at(formula_of(twice), x=[2.0]))) == {"x": [2]}


def test_the_truth_belongs_to_the_rounded_inputs() -> None:
    rounded = at(formula_of(cube), dtype=torch.bfloat16, x=[0.1])
    exact = in_float64(rounded)
    assert values(exact.inputs) == {"x": [0.10009765625]}
    assert values(by_forward(exact)) == {"x": [3 * 0.10009765625**2]}
    assert {tensor.dtype for tensor in (*exact.inputs.values(), *exact.upstream.values())} == {torch.float64}


MANY = torch.linspace(1, 2, 50, dtype=torch.float64)


@pytest.mark.parametrize("scale", [1.0, 1e10, 1e-10])
def test_the_floor_of_a_benign_gradient_is_a_few_units_of_its_size(scale: float) -> None:
    case = at(formula_of(cube), x=MANY * scale)  # 3 x^2 g: three roundings, of x twice and of g
    truth = by_forward(case)
    size = float(truth["x"].abs().max())
    assert UNIT * size < rounding_floor(case, truth)["x"] < 8 * UNIT * size


def test_the_floor_of_a_cancellation_is_as_large_as_the_inputs_roundoff() -> None:
    case = at(formula_of(half_squared_distance), x=[1000.5], c=[1000.0])
    floor = rounding_floor(case, by_forward(case))
    ulp = 2.0**-43  # of 1000: x goes up by one and c down, against a gradient of 0.5
    assert floor == {"x": pytest.approx(2 * ulp, rel=1e-2), "c": pytest.approx(2 * ulp, rel=1e-2)}


def test_at_a_kink_the_upstream_alone_is_moved() -> None:
    case = at(formula_of(lambda x: x.amax()), x=[3.0] * 8)
    truth = by_forward(case)
    assert values(truth) == {"x": [0.125] * 8}
    assert rounding_floor(case, truth)["x"] >= 0.125, "the tie is broken"
    assert rounding_floor(case, truth, upstream_only=True)["x"] <= 2 * UNIT * 0.125


@pytest.mark.parametrize("inputs", [[], [INF, NAN], [0.0]], ids=str)
def test_what_cannot_be_moved_has_no_floor(inputs: list[float]) -> None:
    case = at(formula_of(cube), x=inputs)
    assert rounding_floor(case, by_forward(case)) == {"x": 0.0}


def test_numbers_that_are_not_finite_leave_the_floor_of_the_others() -> None:
    case = at(formula_of(cube), x=torch.cat([MANY, tensor([INF, NAN])]))
    assert UNIT < rounding_floor(case, by_forward(case))["x"] < 8 * 12 * UNIT


def test_the_draws_are_the_same_every_time() -> None:
    case = at(formula_of(cube), x=MANY)
    truth, floors = by_forward(case), set()
    for seed in range(3):
        torch.manual_seed(seed)
        floors.add(rounding_floor(case, truth)["x"])
    with torch.device("meta"):  # the default of a process whose plug-in has set one
        floors.add(rounding_floor(case, truth)["x"])
    assert len(floors) == 1


def test_the_floor_is_of_what_is_differentiated() -> None:
    case = at(formula_of(twice), x=MANY)

    def squares(moved: Case) -> dict[str, Tensor]:
        return {"x": moved.inputs["x"] ** 2}

    floor = rounding_floor(case, squares(case), squares)["x"]
    assert UNIT * 4 < floor < 8 * UNIT * 4
