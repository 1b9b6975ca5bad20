"""References are made once for all derivations, and asked no more than need be."""

import pytest
import torch

from runner.formula.kind import GRADIENT, JACOBIAN
from runner.judge import reference
from runner.judge.references import References
from runner.settings import LEVELS, Level
from tests.by_hand import at, cube, formula_of, lying, twice, values


def test_both_precisions_by_kind_and_input() -> None:
    case = at(formula_of(twice, library=cube), {"y": [10]}, dtype=torch.float32, x=[3])
    made = References.of(case, {"n": 1}, [GRADIENT, JACOBIAN], "off")
    assert {kind: values(made.of_autograd[kind]) for kind in made.of_autograd} == {
        "gradient": {"x": [270]},
        "jacobian": {"x": [[27]]},
    }
    assert {kind: values(made.truth[kind]) for kind in made.truth} == {
        "gradient": {"x": [20]},
        "jacobian": {"x": [[2]]},
    }
    assert made.of_autograd["gradient"]["x"].dtype == torch.float32
    assert made.truth["gradient"]["x"].dtype == made.exact.dtype == torch.float64


@pytest.mark.parametrize("level", LEVELS)
def test_witnesses_by_level(level: Level) -> None:
    expected = {
        "off": [],
        "quick": ["finite_differences_disagree"],
        "full": ["finite_differences_disagree", "library_disagrees"],
    }
    formula = formula_of(lambda x, b: lying(x) + 2 * b, library=lambda x, b: x + 3 * b)
    made = References.of(at(formula, x=[1], b=[1]), {}, [GRADIENT], level)
    assert [doubt.name for doubt in made.doubts.values()] == expected[level]
    assert [*made.doubts] == ["x", "b"][: len(expected[level])]


def test_jacobians_alone_are_not_doubted() -> None:
    made = References.of(at(formula_of(lying), x=[1]), {}, [JACOBIAN], "full")
    assert made.doubts == {}


def test_the_errors_of_autograd() -> None:
    case = at(formula_of(twice, library=lambda x: 2.5 * x), x=[1, 2])
    made = References.of(case, {}, [GRADIENT], "off")
    errors = made.errors_of_autograd(GRADIENT, "x")
    assert (errors.size, errors.max_abs) == (2, 0.5)
    assert made.errors_of_autograd(GRADIENT, "x") is errors


def test_the_noise_of_the_truth_is_measured_once_and_only_for_an_error_that_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    floors: list[dict[str, float]] = []

    def counted(*arguments: object) -> dict[str, float]:
        floors.append({"x": 1.0})
        return floors[-1]

    monkeypatch.setattr(reference, "rounding_floor", counted)
    made = References.of(at(formula_of(twice), {"y": [3]}, x=[1]), {}, [GRADIENT], "off")
    without = 64 * 2.0**-52 * 6 + 1e-12 * 3
    assert made.bound(GRADIENT, "x", torch.float64, without) == pytest.approx(without)
    assert floors == []
    bounds = [made.bound(GRADIENT, "x", torch.float64, error) for error in (2 * without, float("nan"))]
    assert bounds == [pytest.approx(64 + without)] * 2
    assert len(floors) == 1
