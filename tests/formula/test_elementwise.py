"""A slope is all that an elementwise function needs."""

import math
from typing import Annotated

import pytest
import torch
from torch import Tensor

from runner.case.inputs import make_case
from runner.errors import FormulaError
from runner.formula import Example, Slope, at_least, register_elementwise, through
from runner.formula.kind import JACOBIAN
from runner.judge import manual, reference
from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("own_formulas")


def forward(x: Tensor, *, alpha: Annotated[float, at_least(0, 0.5)] = 0.5) -> Tensor:
    """Return a leaky relu of tanh."""
    y = torch.tanh(x)
    return torch.where(y > 0, y, alpha * y)


def from_both(x: Tensor, y: Tensor, *, alpha: float) -> Slope:
    t = torch.where(y > 0, y, y / alpha)
    return torch.where(x > 0, 1, alpha).to(x.dtype), 1 - t, 1 + t


def test_a_slope_makes_a_formula(run: Run) -> None:
    register_elementwise(name="leaky", slopes=[from_both], example=Example(shape={"size": [2, 3]}))
    outcome = run("formula=leaky", "dtype=float64", "timing=off")
    assert {(row["derivation"], row["gradient_shape"]) for row in outcome.rows} == {
        ("from_both", "2x3"),
        ("diagonal", "2x3x2x3"),
    }
    assert {row["verdict"] for row in outcome.rows} <= {"exact", "correct"}


def test_every_formula_of_its_kind_has_the_usual_edges() -> None:
    formula = register_elementwise(name="leaky", slopes=[from_both])
    assert [*formula.edges] == ["zeros", "negative_zeros", "nan", "infinite", "empty"]
    assert formula.may_be_empty == {"size"}
    assert formula.sizes({"size": [2, 0]}, {}) == {"x": (2, 0)}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_gradient_and_jacobian_ask_by_name(dtype: torch.dtype) -> None:
    formula = register_elementwise(name="leaky", slopes=[from_both])
    case = make_case(formula, {"size": [3]}, {"alpha": 0.25}, seed=0, upstream="normal", dtype=dtype)
    exact = reference.in_float64(case)
    of_all = manual.gradients(exact, formula.derivations["diagonal"])["x"]
    assert torch.allclose(of_all, reference.by_forward(exact, JACOBIAN)["x"])
    assert torch.allclose(
        case.upstream["y"].double() @ of_all, manual.gradients(exact, formula.derivations["from_both"])["x"]
    )
    assert manual.gradients(case, formula.derivations["from_both"])["x"].dtype == dtype
    assert manual.gradients(case, formula.derivations["diagonal"])["x"].dtype == dtype


def test_a_mask_chooses_and_factors_are_multiplied_from_left_to_right() -> None:
    upstream = torch.tensor([math.inf, math.inf, 1.0])
    assert through(upstream, torch.tensor([True, False, True])).tolist() == [math.inf, 0, 1]
    g, a, b = torch.rand(3, 100)
    assert torch.equal(through(g, (a, b)), g * a * b)
    assert not torch.equal(through(g, (a, b)), g * (a * b))


def test_a_slope_that_asks_for_what_there_is_not_is_refused() -> None:
    def of_beta(x: Tensor, *, beta: float) -> Tensor:
        return x * beta

    with pytest.raises(FormulaError, match="unknown argument of of_beta 'beta'"):
        register_elementwise(name="leaky", slopes=[of_beta])
