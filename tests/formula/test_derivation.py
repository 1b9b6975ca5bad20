"""A derivation is called by the names of its arguments, and prepared once, off the clock."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from runner.clock.timing import clock
from runner.errors import FormulaError
from runner.formula.derivation import Derivation
from runner.formula.kind import GRADIENT
from runner.settings import Timing
from tests.by_hand import Function, Gradients, at, formula_of, twice, values

X, G = torch.tensor([2.0, 3.0]), torch.tensor([1.0, 10.0])
KNOWN = {"x": X, "b": X + 1, "y": 2 * X, "saved": X * X, "eps": 0.5, "grad_y": G}


def derivation(function: Function) -> Derivation:
    return Derivation(function.__name__, GRADIENT, function, "by_hand")


def of_upstream(grad_y: Tensor) -> Gradients:
    return {"x": grad_y}


def of_everything(grad_y: Tensor, y: Tensor, saved: Tensor, x: Tensor, *, eps: float) -> Gradients:
    return {"x": grad_y * y + saved + eps * x}


def with_a_default(grad_y: Tensor, unknown: int = 7, *, eps: float = 3.0) -> Gradients:
    return {"x": grad_y * unknown * eps}


def of_the_rest(grad_y: Tensor, **others: Tensor) -> Gradients:
    return {name: grad_y * other for name, other in others.items()}


@pytest.mark.parametrize(
    ("function", "rest", "expected"),
    [
        (of_upstream, [], {"x": [1, 10]}),
        (of_everything, [], {"x": [4 + 4 + 1, 60 + 9 + 1.5]}),
        (with_a_default, [], {"x": [3.5, 35]}),
        (of_the_rest, [], {}),
        (of_the_rest, ["x"], {"x": [2, 30]}),
        (of_the_rest, ["b", "x"], {"b": [3, 40], "x": [2, 30]}),
        (of_upstream, ["x", "b"], {"x": [1, 10]}),
    ],
)
def test_arguments_are_picked_by_name(function: Function, rest: list[str], expected: dict[str, Any]) -> None:
    one = derivation(function)
    assert values(one(KNOWN, rest)) == expected
    assert values(one.by_name(one.bound(KNOWN, rest)())) == expected


def test_what_is_missing_is_named_by_python() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'grad_y'"):
        derivation(of_upstream)({"x": X})


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((X, X), r"^by_hand: given: returns tuple, not \{input: gradient\} \(.*py:\d+\)$"),
        (X, r"returns Tensor, not \{input: gradient\}"),
        (None, r"returns NoneType, not"),
        ({"x": 3.0}, r"^by_hand: given: the gradient of x is a float, not a tensor \(.*py:\d+\)$"),
        ({"b": None, "x": [X]}, r"the gradient of x is a list, not a tensor"),
    ],
    ids=["tuple", "tensor", "None", "number", "list"],
)
def test_what_is_no_gradient_by_name_is_refused(result: Any, message: str) -> None:
    def given() -> Any:
        return result

    message = message.replace("given: returns", "given returns")
    with pytest.raises(FormulaError, match=message):
        derivation(given)({})


def test_none_is_no_gradient() -> None:
    assert derivation(lambda: {"x": None, "b": X})({}).keys() == {"b"}


class Prepared:
    """A derivation that counts how often it is prepared, and how often it is called."""

    __name__ = "prepared_one"

    def __init__(self) -> None:
        self.prepared: list[dict[str, Any]] = []
        self.calls = 0

    def prepare(self, known: dict[str, Any]) -> Tensor:
        self.prepared.append(known)
        return 2 * torch.ones_like(known["x"])

    def __call__(self, grad_y: Tensor, prepared: Tensor) -> Gradients:
        self.calls += 1
        return {"x": prepared * grad_y}


def test_binding_prepares_once_and_calling_does_not() -> None:
    function = Prepared()
    bound = derivation(function).bound(KNOWN)
    assert (len(function.prepared), function.calls) == (1, 0)
    assert [bound()["x"].tolist() for _ in range(5)] == [[2, 20]] * 5
    assert (len(function.prepared), function.calls) == (1, 5)


def test_what_prepares_sees_everything_and_changes_nothing() -> None:
    function, known = Prepared(), dict(KNOWN)
    derivation(function).bound(known)
    assert function.prepared[0].keys() == KNOWN.keys()
    assert known.keys() == KNOWN.keys()


def test_every_binding_prepares_anew() -> None:
    function = Prepared()
    one = derivation(function)
    for _ in range(3):
        one(KNOWN)
    assert (len(function.prepared), function.calls) == (3, 3)


def test_the_clock_counts_the_gradient_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: dict[str, Callable[[], Any]] = {}
    function = Prepared()
    formula = formula_of(twice, function)

    def spy(tasks: dict[str, Callable[[], Any]], *_: Any) -> Any:
        timed.update(tasks)
        raise StopIteration

    monkeypatch.setattr("runner.clock.timing.interleaved", spy)
    with pytest.raises(StopIteration):
        clock(at(formula, x=[1, 2]), formula.derivations["prepared_one"], ["x"], Timing(rounds=3))
    before = len(function.prepared), function.calls
    assert values(timed["manual"]()) == {"x": [2, 2]}
    assert [gradient.tolist() for gradient in timed["autograd"]()] == [[2, 2]]
    assert values(timed["forward"]()) == {"y": [2, 4]}
    assert (len(function.prepared), function.calls) == (before[0], before[1] + 1)


@pytest.mark.parametrize("rounds", [3, 7])
def test_however_long_the_clock_runs_nothing_more_is_prepared(rounds: int) -> None:
    function = Prepared()
    formula = formula_of(twice, function)
    settings = Timing(rounds=rounds, min_time=1e-4)
    clock(at(formula, x=[1, 2]), formula.derivations["prepared_one"], ["x"], settings)
    assert len(function.prepared) == 1
    assert function.calls > rounds
