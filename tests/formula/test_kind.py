"""What a kind of derivative says of itself is true of what autograd gives."""

from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from runner.formula.kind import GRADIENT, JACOBIAN, Kind, KindName
from tests.by_hand import Function, at, cube, formula_of, product, values

KINDS = [GRADIENT, JACOBIAN]
of_every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


def loss(x: Tensor, y: Tensor) -> Tensor:
    return ((x - y) ** 2).mean()


FORWARDS: dict[str, tuple[Function, Any, dict[str, Any]]] = {
    "W x": (product, [2, -3], {"W": [[1, 2, 3], [4, 5, 6]], "x": [7, 8, 9]}),
    "cube": (cube, [[2, -3]], {"x": [[1, 2]]}),
    "a loss": (loss, 5, {"x": [1, 5], "y": [0, 7]}),
    "empty": (cube, [], {"x": []}),
    "unused": (lambda x, b: 2 * x, [1, 2], {"x": [3, 4], "b": [[5, 6, 7]]}),
    "constant": (lambda x: torch.ones(3, dtype=x.dtype), [1, 2, 3], {"x": [3, 4]}),
}
of_every_forward = pytest.mark.parametrize("name", FORWARDS)


def derivatives(kind: Kind, name: str) -> tuple[Any, dict[str, Tensor]]:
    forward, upstream, inputs = FORWARDS[name]
    case = at(formula_of(forward), {"y": upstream}, **inputs)
    return case, kind.differentiate(case.evaluate, case.inputs, case.differentiable, case.upstream)


def test_every_name_is_of_one_kind() -> None:
    assert [kind.name for kind in KINDS] == [*get_args(KindName)]


@of_every_kind
@of_every_forward
def test_the_size_of_a_derivative(kind: Kind, name: str) -> None:
    case, found = derivatives(kind, name)
    output = tuple(case.upstream["y"].shape)
    assert {wrt: tuple(value.shape) for wrt, value in found.items()} == {
        wrt: kind.size(output, tuple(value.shape)) for wrt, value in case.inputs.items()
    }


@of_every_kind
@of_every_forward
def test_with_the_upstream_every_kind_gives_the_gradient(kind: Kind, name: str) -> None:
    case, found = derivatives(kind, name)
    _, gradients = derivatives(GRADIENT, name)
    products = {wrt: kind.product(value, case.upstream["y"]) for wrt, value in found.items()}
    assert products.keys() == gradients.keys() == case.inputs.keys()
    torch.testing.assert_close(products, gradients, rtol=0, atol=0)


@of_every_kind
def test_only_one_that_takes_an_upstream_is_linear_in_it(kind: Kind) -> None:
    case, once = derivatives(kind, "W x")
    twice = {"y": 2 * case.upstream["y"]}
    found = kind.differentiate(case.evaluate, case.inputs, case.differentiable, twice)
    factor = 2 if kind.takes_upstream else 1
    assert values(found) == values({wrt: factor * value for wrt, value in once.items()})


@of_every_kind
def test_a_derivative_grows_with_the_order(kind: Kind) -> None:
    elements = {}
    for n in (10, 20):
        x = torch.ones(n)
        elements[n] = kind.differentiate(lambda given: {"y": given["x"] * 1}, {"x": x}, ["x"], {"y": x})["x"]
    assert elements[20].numel() == 2**kind.order * elements[10].numel()


@of_every_kind
def test_only_the_inputs_that_are_named_are_differentiated(kind: Kind) -> None:
    case, _ = derivatives(kind, "W x")
    assert [*kind.differentiate(case.evaluate, case.inputs, ["x"], case.upstream)] == ["x"]


@of_every_kind
def test_differentiating_leaves_the_inputs_alone(kind: Kind) -> None:
    case, found = derivatives(kind, "W x")
    assert not any(value.requires_grad for value in (*case.inputs.values(), *found.values()))


def test_the_numbers_of_a_jacobian() -> None:
    _, found = derivatives(JACOBIAN, "W x")
    assert values(found) == {
        "W": [[[7, 8, 9], [0, 0, 0]], [[0, 0, 0], [7, 8, 9]]],
        "x": [[1, 2, 3], [4, 5, 6]],
    }
    _, found = derivatives(GRADIENT, "W x")
    assert values(found) == {"W": [[14, 16, 18], [-21, -24, -27]], "x": [-10, -11, -12]}
