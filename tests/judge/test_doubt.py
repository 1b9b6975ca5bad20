"""Witnesses tell against a truth that is wrong, and say nothing where they know nothing."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.resolve import resolve
from runner.diagnose import Statement
from runner.judge.doubt import doubts
from runner.judge.reference import by_forward
from runner.settings import Check, Config
from tests.by_hand import Function, at, cube, formula_of, lying, product, twice
from tests.conftest import Plant
from tests.registry import rows

NAN, INF = math.nan, math.inf


def doubted(case: Case, *, thorough: bool = False) -> dict[str, Statement]:
    return doubts(case, by_forward(case), thorough=thorough)


@pytest.mark.parametrize("thorough", [False, True], ids=["quick", "thorough"])
@pytest.mark.parametrize(
    ("forward", "inputs"),
    [
        pytest.param(product, {"W": [[1, 2], [3, 4]], "x": [5, -6]}, id="W x"),
        pytest.param(cube, {"x": [1, -2, 3]}, id="cube"),
        pytest.param(cube, {"x": [1e8, 2e8]}, id="large"),
        pytest.param(cube, {"x": [1e-8, 2e-8]}, id="small"),
        pytest.param(lambda x: x.abs(), {"x": [0, 0, 1]}, id="kink"),
        pytest.param(lambda x: x.relu(), {"x": [0, -1, 1]}, id="another kink"),
        pytest.param(lambda x: x.amax(), {"x": [2, 2, 2]}, id="ties"),
        pytest.param(cube, {"x": [0, 0]}, id="zeros"),
        pytest.param(cube, {"x": []}, id="empty"),
        pytest.param(cube, {"x": [NAN, 1]}, id="NaN"),
        pytest.param(cube, {"x": [INF, 1]}, id="Inf"),
        pytest.param(lambda x: x.sqrt(), {"x": [0, 4]}, id="infinite slope"),
        pytest.param(lambda x, b: 2 * x, {"x": [1], "b": [2]}, id="unused input"),
        pytest.param(lambda x: torch.ones_like(x), {"x": [1]}, id="constant output"),
        pytest.param(lambda x: x.round(), {"x": [1, 0.2]}, id="no slope"),
    ],
)
def test_a_right_truth_is_not_doubted(forward: Function, inputs: dict[str, Any], thorough: bool) -> None:
    assert doubted(at(formula_of(forward, library=forward), **inputs), thorough=thorough) == {}


def test_finite_differences_doubt_a_backward_that_lies() -> None:
    (doubt,) = doubted(at(formula_of(lying), {"y": [1, -2]}, x=[3, 4])).items()
    wrt, said = doubt
    assert (wrt, said.name, said.figures["wrt"]) == ("x", "finite_differences_disagree", ["x"])
    assert said.figures["expected"] == pytest.approx(2 * said.figures["slope"], rel=1e-6)


def test_only_the_input_that_is_wrong_is_doubted() -> None:
    case = at(formula_of(lambda x, b: lying(x) * b), x=[3, 4], b=[5, 6])
    assert [*doubted(case)] == ["x"]


@pytest.mark.parametrize("factor", [1 + 1e-4, 0.0, -1.0])
def test_any_factor_is_seen(factor: float) -> None:
    case = at(formula_of(cube), x=[1, -2, 3])
    truth = {name: factor * value for name, value in by_forward(case).items()}
    assert [*doubts(case, truth, thorough=False)] == ["x"]
    assert doubts(case, by_forward(case), thorough=False) == {}


def test_a_wrong_element_among_many_is_seen() -> None:
    case = at(formula_of(cube), x=torch.linspace(1, 2, 1000, dtype=torch.float64))
    truth = by_forward(case)
    truth["x"][500] *= 1.5
    assert [*doubts(case, truth, thorough=False)] == ["x"]


def test_an_input_whose_gradient_is_stopped_is_not_asked() -> None:
    def stopped(x: Tensor, b: Tensor) -> Tensor:
        return x * b.detach()

    inputs: dict[str, Any] = {"x": [3], "b": [5]}
    assert [*doubted(at(formula_of(stopped), **inputs))] == ["b"]
    assert doubted(at(formula_of(stopped, detached=("b",)), **inputs)) == {}
    assert doubted(at(formula_of(stopped, detached=("x", "b")), **inputs)) == {}


def test_the_library_is_asked_where_one_is_thorough() -> None:
    case = at(formula_of(cube, library=twice), x=[1, 2])
    assert doubted(case) == {}
    (said,) = doubted(case, thorough=True).values()
    assert (said.name, dict(said.figures)) == ("library_disagrees", {"error": 10.0})  # 3 * 2^2 - 2


@pytest.mark.parametrize(("off", "seen"), [(1e-7, False), (1e-5, True)])
def test_the_library_may_round_more_than_the_mathematics(off: float, seen: bool) -> None:
    case = at(formula_of(twice, library=lambda x: (2 + off) * x), x=[1])
    assert bool(doubted(case, thorough=True)) is seen


def test_what_finite_differences_say_comes_before_the_library() -> None:
    case = at(formula_of(lying, library=lambda x: x * 1), x=[3])
    assert doubted(case, thorough=True)["x"].name == "finite_differences_disagree"


def test_the_process_around_it_is_neither_asked_nor_changed() -> None:
    case = at(formula_of(lying), x=[3, 4])
    expected = doubted(case)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with torch.device("meta"):  # the default of a process whose plug-in has set one
        assert doubted(case) == expected != {}
    assert torch.equal(torch.get_rng_state(), before)


class ThirdOfFloat32(torch.autograd.Function):
    """A third, whose backward multiplies by what float32 makes of it: 2.5e-8 off."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x / 3

    @staticmethod
    def backward(ctx: Any, *grad_y: Tensor) -> Tensor:
        return grad_y[0] * float(torch.tensor(1 / 3, dtype=torch.float32))


@pytest.mark.parametrize("level", ["off", "quick", "full"])
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "suspect_reference"), (1 + 1e-7, "wrong")])
def test_a_reference_of_few_digits_is_told_from_a_gradient_of_few(
    plant: Plant, level: str, factor: float, verdict: str
) -> None:
    def third(grad_y: Tensor) -> dict[str, Tensor]:
        return {"x": grad_y / 3 * factor}

    plant(third, forward=lambda x: ThirdOfFloat32.apply(x), shapes=lambda n: {"x": (n,)})  # type: ignore[no-untyped-call]
    (row,) = rows(resolve(Config(formula="planted", shape={"n": 5}, check=Check(level), upstream="normal")))
    assert row.verdict == verdict, row.diagnosis
    assert ("finite differences of forward agree" in row.diagnosis) is (factor == 1)


@pytest.mark.parametrize("forward", [
    lambda x: (x - 0.3).abs() ** 1.5,  # steep where it turns
    lambda x: torch.exp(30 * x),
    lambda x: torch.where(x > 0.5, x, 0.5 + (x - 0.5) * 1e3),
    lambda x: x ** 9,
    lambda x: torch.sin(1e4 * x) / 1e4,
    lambda x: torch.sqrt(x + 1e-9),
])  # fmt: skip
@pytest.mark.parametrize("seed", range(3))
def test_steep_and_flat_forwards_are_not_doubted(plant: Plant, forward: Any, seed: int) -> None:
    def recorded(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return {"x": torch.autograd.grad(forward(x), x, grad_y)[0]}

    plant(recorded, forward=lambda x: forward(x), shapes=lambda n: {"x": (n,)}, recomputes=True)
    config = Config(formula="planted", shape={"n": 5}, seed=seed, check=Check("quick"), upstream="normal")
    (row,) = rows(resolve(config))
    assert row.verdict in ("exact", "correct"), row.diagnosis
