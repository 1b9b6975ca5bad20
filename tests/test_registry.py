"""Every formula and every YAML there is keeps the contract."""

import dataclasses
from typing import Any

import pytest
import torch

from runner.case.case import Case
from runner.case.inputs import draw_inputs
from runner.case.spec import DTYPES, Spec, case_of, edge_case
from runner.compare import correctness_bound, magnitude, max_abs_error
from runner.formula import lookup
from runner.formula.derivation import Derivation
from runner.formula.draw import Draw
from runner.formula.kind import GRADIENT
from runner.judge import manual, reference
from tests.registry import EXPERIMENTS, FORMULAS, assert_right, configuration, rows, specification


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_experiment_is_right_in_every_dtype(experiment: str, dtype: str) -> None:
    found = rows(specification(experiment, dtype=dtype))
    assert_right(experiment, dtype, found)
    assert {row.dtype for row in found} == {dtype}
    assert not [row for row in found if row.status == "completed" and row.max_abs_error is None]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_small_inputs_lose_no_digits(experiment: str) -> None:
    given = configuration(experiment).inputs
    small = dataclasses.replace(given, scale=1e-4 * given.scale)
    found = rows(specification(experiment, inputs=small))
    assert_right(experiment, "float32", found)


@pytest.mark.parametrize(
    ("experiment", "dtype", "seed", "shape"),
    [
        ("sum_to_shape", "float32", 7, {"a": [3, 1, 17], "b": [4, 1]}),  # where autograd is lucky
        ("rnn_bptt", "float16", 6, {"T": 3}),  # a sum leaves the range just before its truth would
        ("implicit_fixed_point", "float64", 19, {"N": 17}),  # what the solver leaves, where a sum cancels
        ("embedding_bn_mlp", "float32", 19, {"N": 2, "k": 2, "d": 2, "h": 2, "V": 2}),  # all cancels to zero
    ],
)
def test_what_was_accused_once_is_right(
    experiment: str, dtype: str, seed: int, shape: dict[str, Any]
) -> None:
    spec = specification(experiment, dtype=dtype, seed=seed, shape=shape, upstream="ones")
    assert_right(experiment, dtype, rows(dataclasses.replace(spec, check="full")))


@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula_has_an_example_and_a_statement(name: str) -> None:
    formula = lookup(name)
    assert formula.example
    assert name in EXPERIMENTS
    assert formula.statement
    assert formula.latex
    assert formula.source
    assert {*formula.domains} == {*formula.parameters}, "every hyper-parameter states its domain"


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_input_is_differentiated(experiment: str) -> None:
    spec = specification(experiment)
    case = case_of(spec)
    assert case.differentiable
    covering = gradients_of(spec.formula)
    assert {wrt for one in covering for wrt in manual.gradients(case, one)} == {*case.differentiable}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_one_seed_gives_the_same_numbers_in_every_dtype(experiment: str) -> None:
    spec = specification(experiment)
    formula = lookup(spec.formula)
    drawn = draw_inputs(formula, spec.shape, spec.params, Draw(spec.seed, spec.inputs))
    assert list(drawn) == list(formula.sizes(spec.shape, spec.params)) != []
    assert {value.dtype for value in drawn.values()} <= {torch.float64, torch.int64, torch.bool}
    for kind in DTYPES.values():
        moved = Case(formula, drawn, spec.params, {}).to("cpu", kind)
        for name, value in moved.inputs.items():
            assert torch.equal(value, drawn[name].to(kind) if value.is_floating_point() else drawn[name])


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_library_agrees_with_forward_over_all_parameters(experiment: str) -> None:
    spec = specification(experiment, dtype="float64")
    formula = lookup(spec.formula)
    asked = [params for params in variations(spec.formula, dict(spec.params)) if fits(spec, params)]
    assert asked[0] == dict(spec.params)
    for params in asked:
        case = case_of(dataclasses.replace(spec, params=params))
        truth = reference.by_forward(case)
        if formula.library is not None:
            assert_close(case, reference.by_library(case), truth, f"library {params}")
        for derivation in gradients_of(formula.name):
            assert_close(case, manual.gradients(case, derivation), truth, f"{derivation.name} {params}")


EDGES = [
    (e, name, edge) for e in EXPERIMENTS for name, edge in lookup(configuration(e).formula).edges.items()
]


@pytest.mark.parametrize(("experiment", "edge"), [(e, name) for e, name, edge in EDGES if edge.raises])
def test_every_edge_that_forward_refuses(experiment: str, edge: str) -> None:
    spec = specification(experiment, dtype="float64")
    stated = lookup(spec.formula).edges[edge]
    assert stated.raises is not None
    with pytest.raises(stated.raises):
        edge_case(spec, stated).results  # noqa: B018


@pytest.mark.parametrize(("experiment", "edge"), [(e, name) for e, name, edge in EDGES if not edge.raises])
def test_every_edge(experiment: str, edge: str) -> None:
    spec = specification(experiment, dtype="float64")
    case = edge_case(spec, lookup(spec.formula).edges[edge])
    truth = reference.by_forward(case)
    for derivation in gradients_of(spec.formula):
        assert_close(case, manual.gradients(case, derivation), truth, f"{edge} {derivation.name}")


def gradients_of(name: str) -> list[Derivation]:
    found = [one for one in lookup(name).derivations.values() if one.kind is GRADIENT]
    assert found, f"{name} has no gradient"
    return found


def fits(spec: Spec, params: dict[str, object]) -> bool:
    """Tell whether the shape of a specification allows other hyper-parameters."""
    try:
        return bool(lookup(spec.formula).sizes(spec.shape, params))
    except ValueError:
        return False


def variations(name: str, params: dict[str, object]) -> list[dict[str, object]]:
    """Return every example of each parameter, and of each pair of parameters."""
    formula = lookup(name)
    choices = {parameter: formula.domain_of(parameter).examples for parameter in formula.parameters}
    found = [params]
    for one, values in choices.items():
        for value in values:
            found.append({**params, one: value})
            for other, others in choices.items():
                if other > one:
                    found += [{**params, one: value, other: second} for second in others]
    return found


def assert_close(
    case: Case,
    found: dict[str, torch.Tensor],
    truth: dict[str, torch.Tensor],
    what: str,
) -> None:
    floor = reference.rounding_floor(case, truth)
    upstream = max(map(magnitude, case.upstream.values()))
    assert found, (what, "gives no gradient")
    for wrt, gradient in found.items():
        assert gradient.shape == truth[wrt].shape, (what, wrt)
        assert gradient.dtype == truth[wrt].dtype, (what, wrt)
        bound = correctness_bound(magnitude(truth[wrt]), floor[wrt], upstream)
        assert max_abs_error(gradient, truth[wrt]) <= bound, (what, wrt)
