"""What is said of a gradient that is wrong, or right but worth a word, is true, and in a useful order."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import Function

from runner.doors.catalogue import run
from runner.doors.judge import judge
from runner.errors import FormulaError
from runner.formula.foreign import register_function
from tests.conftest import Plant

x = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))


def square(x: Tensor) -> Tensor:
    return x.square()


def row_of(derivation: Callable[..., Any], check: Any = "quick", forward: Any = square, **given: Any) -> Any:
    """Judge one derivation by one input; return its row."""
    (row,) = judge(derivation, forward, x, check=check, **given).rows
    return row


def test_memory_that_was_never_written_is_told_before_what_it_happened_to_hold() -> None:
    calls = itertools.count(1)

    def half_written(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        gradient = 2 * x * grad_y
        gradient[2:] = torch.nan if next(calls) % 2 else 0.0
        return {"x": gradient}

    row = row_of(half_written)
    assert row["diagnosis"].startswith("repeatable: the gradient by x has other bits at the next call; ")


@pytest.mark.parametrize(("number", "is_told"), [(0.0, True), (1e-30, False)])
def test_only_zeros_are_called_zero(number: float, is_told: bool) -> None:
    def first_row(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        gradient = 2 * x * grad_y
        gradient[0] = number
        return {"x": gradient}

    assert ("it is 0 there" in row_of(first_row)["diagnosis"]) is is_told


def test_an_upstream_gradient_that_is_not_asked_for_is_told_by_one_of_zeros(plant: Plant) -> None:
    def by_ones(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        """Give the right numbers for an upstream gradient of ones, which the point has."""
        return {"x": 2 * x}

    formula = plant(by_ones, forward=square, shapes=lambda n: {"x": (n,)})
    (row,) = run(formula.name, shape={"n": 5}, upstream="ones", check="quick").rows
    assert row["verdict"] == "wrong"
    assert "scaled_upstream: the gradient by x does not depend on the upstream gradient" in row["diagnosis"]


@pytest.mark.parametrize("apart", [0.25, 1e-3])
def test_how_far_two_calls_are_apart_is_told(apart: float) -> None:
    calls = itertools.count()

    def unstable(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        return {"x": 2 * x * grad_y + apart * (next(calls) % 2)}

    assert f"other bits at the next call, up to {apart:.3g} apart" in row_of(unstable)["diagnosis"]


@pytest.mark.parametrize(
    ("relative", "words"),
    [
        (1e-10, "has fewer digits than float64: it is off by 1e-10 of the largest"),
        (2.0**-25, "computes in float32 inside, or to as many digits: in float64 it is off by 3e-08"),
    ],
)
def test_what_stops_at_a_tolerance_is_not_said_to_compute_in_float32(relative: float, words: str) -> None:
    class Solver(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.square()

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * grad * (1 + relative)

    row = row_of(Solver)
    assert row["judged_in"] == "float32"
    assert words in row["notes"]


def test_float32_for_float64_is_told_with_what_may_be_asked_for(plant: Plant) -> None:
    def always_float32(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        return {"x": (2 * x * grad_y).float()}

    formula = plant(always_float32, forward=square, shapes=lambda n: {"x": (n,)})
    (row,) = run(formula.name, shape={"n": 5}, check="quick").rows
    assert row["verdict"] == "invalid"
    assert "precision=auto judges in float32 what has no other" in row["diagnosis"]
    (row,) = run(formula.name, shape={"n": 5}, check="quick", precision="auto").rows
    assert row["verdict"] in ("exact", "correct")
    assert row["judged_in"] == "float32"


@pytest.mark.parametrize("other", [square, Function.apply, 3])
def test_a_function_is_registered_by_its_class(other: Any) -> None:
    with pytest.raises(FormulaError, match=r"takes a class derived from .*handgrad.judge"):
        register_function(other, forward=square)


def some_sizes(x: Tensor) -> Tensor:
    """Refuse the sizes at which rules for odd sizes and for tails of a tile would differ, but for 6."""
    if x.shape[1] not in (4, 6, 8, 17):
        raise ValueError("not of this size")
    return x.square()


@pytest.mark.parametrize(
    ("is_wrong", "rule"),
    [(lambda n: n % 2 == 1, "n is odd"), (lambda n: n % 4 > 0, "n is no multiple of 4")],
)
def test_rules_of_shapes_are_told_apart_by_another_shape(is_wrong: Callable[[int], bool], rule: str) -> None:
    def of_size(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        return {"x": (3 if is_wrong(x.shape[1]) else 2) * x * grad_y}

    row = row_of(of_size, "full", some_sizes, shapes={"x": ("m", "n")})
    assert f"only where {rule};" in row["diagnosis"]


def test_a_note_says_for_which_condition_it_is_one() -> None:
    class Differing(Function):
        """Has another forward than its reference where the first input is zero."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return torch.where(x.flatten()[0] == 0, x + 1, x).square()

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * grad

    notes = row_of(Differing, "full")["notes"]
    assert notes.startswith("for zeros")
    assert "not judged: " in notes


@pytest.mark.parametrize(("relative", "verdicts"), [(0.0, ("exact", "correct")), (1e-9, ("wrong",))])
def test_what_the_truth_itself_loses_is_held_against_nobody(
    plant: Plant, relative: float, verdicts: tuple[str, ...]
) -> None:
    powers, ratio = (30_000, 47_548), 3**30_000 / 2**47_548

    def in_logarithms(x: Tensor) -> Tensor:
        three, two = (torch.log(x.new_tensor(n)) * k for n, k in zip((3, 2), powers, strict=True))
        return x * torch.exp(three - two)

    def exactly(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        return {"x": grad_y * (ratio * (1 + relative))}

    formula = plant(exactly, forward=in_logarithms, shapes=lambda n: {"x": (n,)})
    (row,) = run(formula.name, shape={"n": 5}, dtype="float64", check="quick").rows
    assert row["verdict"] in verdicts, row["diagnosis"]


@pytest.mark.parametrize("experiment", ["eigh", "hinge"])
def test_no_false_alarm_where_there_was_one(experiment: str) -> None:
    found = run(experiment, check="full", second_order=experiment == "eigh").rows
    assert {row["verdict"] for row in found} <= {"exact", "correct"}, [row["diagnosis"] for row in found]
