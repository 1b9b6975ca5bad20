"""The contract refuses what does not fit together, and says what there is."""

from typing import Annotated, Any, Literal

import pytest
import torch
from torch import Tensor

from runner.errors import FormulaError, line_of
from runner.formula import (
    Domain,
    Edge,
    Example,
    Sizes,
    at_least,
    between,
    lookup,
    names,
    one_of,
    optional,
    register,
)  # fmt: skip
from tests.conftest import Plant
from tests.test_planted import right


def misspelled(grad_y: Tensor, w: Tensor) -> dict[str, Tensor]:
    return {}


def wrong_upstream(grad_z: Tensor) -> dict[str, Tensor]:
    return {}


def takes_rest(grad_y: Tensor, **others: Tensor) -> dict[str, Tensor]:
    return {}


def shapes_without_x(m: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"W": (m, n)}


def shapes_with_b(m: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"W": (m, n), "x": (n,), "b": (m,)}


def sample_of_k(rng: Any, k: int) -> dict[str, Tensor]:
    return {}


def small(m: int, n: int) -> Sizes:
    if n > 2:
        raise ValueError(f"n={n} is too large")
    return {"W": (m, n), "x": (n,)}


def eps_below_its_domain(W: Tensor, x: Tensor, *, eps: Annotated[float, at_least(0)] = -1) -> Tensor:
    return W @ x + eps


SIZES = {"m": 2, "n": 3}


@pytest.mark.parametrize(
    ("derivations", "record", "message"),
    [
        ([misspelled], {}, "argument of misspelled 'w'; did you mean 'W'? There is: W, grad_y, x, y."),
        ([wrong_upstream], {}, "unknown argument of wrong_upstream 'grad_z'; did you mean 'grad_y'?"),
        ([takes_rest], {}, "takes_rest takes **rest, but forward names its inputs"),
        ([right, right], {}, "two derivations are named 'right'"),
        ([], {}, "there is no gradient to check"),
        ([right], {"shapes": shapes_without_x}, "shapes gives W and lacks x, which forward requires"),
        ([right], {"shapes": shapes_with_b}, "unknown input given by shapes 'b'"),
        ([right], {"sample": sample_of_k}, "unknown argument of sample_of_k 'k'"),
        ([right], {"constants": ["w"]}, "unknown constants 'w'; did you mean 'W'?"),
        ([right], {"forward": eps_below_its_domain}, "planted: eps=-1: must be a number >= 0"),
        ([right], {"jacobians": [right]}, "two derivations are named 'right'"),
        ([right], {"outputs": ("x",)}, "x names both an input and a result of forward"),
        ([right], {"edges": {"empty": Edge.empty("k")}}, "unknown shape key of edge empty 'k'"),
        ([right], {"edges": {"zeros": Edge.zeros("X")}}, "unknown input of edge zeros 'X'; did you mean"),
        ([right], {"edges": {"far": Edge(inputs=lambda v: {"x": v})}}, "unknown input of edge far 'v'"),
        ([right], {"example": Example(shape={"k": 1})}, "unknown shape key of example 'k'"),
        ([right], {"example": Example(shape={"n": 1})}, "shape of example lacks m; shapes takes m, n"),
        ([right], {"example": Example(shape=SIZES, params={"p": 1})}, "unknown params key of example 'p'"),
        ([right], {"example": Example(shape=SIZES, upstream="one")}, "did you mean 'ones'?"),
        ([right], {"example": Example(shape=SIZES, distribution="unifrm")}, "did you mean 'uniform'?"),
        ([right], {"example": Example(shape={"m": 2, "n": 3}), "shapes": small}, "example: n=3 is too large"),
        ([right], {"name": "mse"}, "'mse' of tests.conftest: the name is taken, by experiments.losses.mse"),
    ],
)  # fmt: skip
def test_registration_refuses(
    plant: Plant, derivations: list[Any], record: dict[str, Any], message: str
) -> None:
    lookup("mse")
    with pytest.raises(FormulaError) as caught:
        plant(*derivations, **record)
    assert message in str(caught.value)


def test_lookup_names_the_nearest() -> None:
    with pytest.raises(FormulaError, match="unknown formula 'matvek'; did you mean 'matvec'"):
        lookup("matvek")


def test_a_file_is_found_by_its_name() -> None:
    assert {"dot_product", "matvec", "mse", "linear_mse", "linear_network"} <= {*names()}
    assert not [name for name in names() if name.startswith("_")]
    assert all(lookup(name).forward.__module__.endswith(f".{name}") for name in names())


RETURNED: list[tuple[Any, str]] = [
    (lambda W, x: {"y": W @ x}, "{y: Tensor}"),
    (lambda W, x: W @ x, "Tensor"),
    (lambda W, x: [W @ x, x], "list"),
    (lambda W, x: (W @ x, x, x), "a tuple of 3 (Tensor, Tensor, Tensor)"),
    (lambda W, x: (None, x), "{y: NoneType, copy: Tensor}"),
    (lambda W, x: None, "NoneType"),
]


@pytest.mark.parametrize(("forward", "what"), RETURNED, ids=[what for _, what in RETURNED])
def test_what_forward_must_return_is_said(plant: Plant, forward: Any, what: str) -> None:
    formula = plant(right, forward=forward, saved=("copy",))
    with pytest.raises(FormulaError) as caught:
        formula.apply(formula.forward, {"W": torch.ones(2, 3), "x": torch.ones(3)}, {})
    assert str(caught.value) == (
        f"planted: <lambda> returns {what}; it must return a tuple of 2 (y, copy), "
        f"or a dict with these names ({line_of(__file__, forward.__code__.co_firstlineno)})"
    )


def test_saved_intermediates_may_follow_the_outputs_in_a_tuple(plant: Plant) -> None:
    def forward(W: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return W @ x, W.sum(1)

    formula = plant(right, forward=forward, library=lambda W, x: W @ x, saved=("row_sum",))
    inputs = {"W": torch.ones(2, 3), "x": torch.ones(3)}
    assert [*formula.apply(formula.forward, inputs, {})] == ["y", "row_sum"]
    assert formula.library
    assert [*formula.apply(formula.library, inputs, {})] == ["y"]


def test_a_domain_stands_beside_its_default_wherever_the_owner_is(plant: Plant) -> None:
    def shapes(m: int, n: int, *, square: Annotated[bool, one_of(True, False)] = False) -> Sizes:
        return {"W": (m, m if square else n), "x": (m if square else n,)}

    def forward(W: Tensor, x: Tensor, *, times: "Annotated[float, at_least(0, 2.0)]" = 1.0) -> Tensor:
        return times * (W @ x)

    def scaled(grad_y: Tensor, W: Tensor, x: Tensor, *, times: float, power: int = 1) -> dict[str, Tensor]:
        return {"W": torch.outer(grad_y, x) * times**power, "x": W.T @ grad_y * times}

    formula = plant(scaled, shapes=shapes, forward=forward)
    assert formula.parameters == {"square": False, "power": 1, "times": 1.0}
    assert {name: formula.domain_of(name).description for name in formula.parameters} == {
        "square": "one of true, false",
        "power": "an integer",
        "times": "a number >= 0",
    }
    assert {*formula.domains} == {"square", "times"}


def test_an_annotation_may_state_the_domain_by_itself(plant: Plant) -> None:
    def forward(
        W: Tensor, x: Tensor, *, twice: bool = False, how: Literal["a", "b"] = "a",
        scale: Annotated[float | None, at_least(1)] = None,
    ) -> Tensor:  # fmt: skip
        return W @ x

    formula = plant(right, forward=forward)
    assert {name: domain.description for name, domain in formula.domains.items()} == {
        "twice": "one of true, false",
        "how": "one of a, b",
        "scale": "null or a number >= 1",
    }


def test_two_domains_of_one_hyper_parameter_are_refused(plant: Plant) -> None:
    def forward(W: Tensor, x: Tensor, *, p: Annotated[float, at_least(0)] = 1) -> Tensor:
        return W @ x

    def other(
        grad_y: Tensor, W: Tensor, x: Tensor, *, p: Annotated[float, at_least(1)] = 1
    ) -> dict[str, Tensor]:
        return right(grad_y, W, x)

    with pytest.raises(FormulaError, match="p has two domains: a number >= 1 in other, a number >= 0"):
        plant(other, forward=forward)


def test_a_dimension_may_be_empty_where_an_edge_is(plant: Plant) -> None:
    edges = {"no_rows": Edge.empty("m"), "refused": Edge(shape={"n": 0}, raises=ValueError)}
    assert plant(right, edges=edges).may_be_empty == {"m"}


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (at_least(0, 1e-5), [0, 1e-5, 3], [-1e-9, float("nan"), "1", True]),
        (between(0, 1, 0.5), [0, 0.5, 1], [1.1, -0.1]),
        (one_of("mean", "sum"), ["mean"], ["max", 0]),
        (one_of(True, False), [True], [1, 0]),
        (optional(at_least(1)), [None, 1], [0]),
    ],
)
def test_domain(domain: Domain, inside: list[Any], outside: list[Any]) -> None:
    assert all(map(domain.contains, inside))
    assert not any(map(domain.contains, outside))
    assert [value for value in domain.examples if not domain.contains(value)] == []


def test_a_function_whose_arguments_cannot_be_read_is_refused() -> None:
    with pytest.raises(FormulaError, match="sin: its arguments cannot be read"):
        register(name="in_c", forward=torch.sin, shapes=lambda n: {"x": (n,)}, gradients=[lambda grad_y: {}])


def test_a_domain_may_be_stated_beside_a_function_that_cannot_be_annotated(plant: Plant) -> None:
    def forward(x: Tensor, *, eps: float = 0.1) -> Tensor:
        return x * eps

    def scaled(grad_y: Tensor, *, eps: float) -> dict[str, Tensor]:
        return {"x": grad_y * eps}

    formula = plant(scaled, forward=forward, shapes=lambda n: {"x": (n,)}, domain={"eps": at_least(0)})
    assert not formula.domain_of("eps").contains(-1.0)
    with pytest.raises(FormulaError, match="unknown hyper-parameter in domain 'ep'; did you mean 'eps'"):
        plant(scaled, forward=forward, shapes=lambda n: {"x": (n,)}, domain={"ep": at_least(0)}, name="other")


def test_an_argument_that_register_does_not_have_is_named(plant: Plant) -> None:
    with pytest.raises(FormulaError, match="register: unknown argument 'outptus'; did you mean 'outputs'"):
        plant(right, forward=lambda x: x, shapes=lambda n: {"x": (n,)}, outptus=("y",))
