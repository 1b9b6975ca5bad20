"""Every formula and every YAML there is keeps the contract."""

import dataclasses

import pytest
import torch

from runner.case.case import Case
from runner.case.inputs import draw_inputs
from runner.case.spec import DTYPES, DTypeName, case_of, edge_case
from runner.compare import correctness_bound, magnitude, max_abs_error
from runner.formula import lookup
from runner.formula.derivation import Derivation
from runner.formula.draw import Draw
from runner.formula.kind import GRADIENT
from runner.judge import manual, reference
from tests.registry import EXPERIMENTS, FORMULAS, configuration, rows, specification

INACCURATE = {
    ("variance_offset", "one_pass", "x", "float32"): "a x - a mean cancels: that is what it is there to show",
}
"""The gradients that may be `inaccurate`, each with the reason; no other one may."""

UNSUPPORTED = {("cholesky", "bfloat16"), ("cholesky", "float16")}
"""Where PyTorch has no kernel for the forward."""


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_experiment_is_right_in_every_dtype(experiment: str, dtype: str) -> None:
    found = rows(specification(experiment, dtype=dtype))
    expected = "unsupported" if (experiment, dtype) in UNSUPPORTED else "completed"
    assert {row.status for row in found} == {expected}, found[0].error
    for row in found:
        assert row.dtype == dtype
        if expected == "completed":
            excused = (experiment, row.derivation, row.wrt, dtype) in INACCURATE
            right = {"inaccurate"} if excused else {"exact", "correct"}
            assert row.verdict in right, (row.derivation, row.wrt, row.truth_error, row.bound, row.diagnosis)
            assert row.max_abs_error is not None


@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula_has_an_experiment_and_a_statement(name: str) -> None:
    formula = lookup(name)
    assert name in {configuration(experiment).formula for experiment in EXPERIMENTS}
    assert formula.statement
    assert formula.latex
    assert formula.source
    assert {*formula.domain} == {*formula.parameters}, "every hyper-parameter states its domain"


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_input_is_differentiated(experiment: str) -> None:
    spec = specification(experiment)
    case = case_of(spec)
    covering = gradients_of(spec.formula)
    assert {wrt for one in covering for wrt in manual.gradients(case, one)} == {*case.differentiable}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_seed_gives_the_same_numbers_in_every_dtype(experiment: str, dtype: DTypeName) -> None:
    spec = specification(experiment)
    formula, kind = lookup(spec.formula), DTYPES[dtype]
    in_float32 = draw_inputs(formula, spec.shape, spec.params, Draw(spec.seed, spec.inputs))
    assert list(in_float32) == list(formula.sizes(spec.shape, spec.params))
    moved = Case(formula, in_float32, spec.params, {}).to("cpu", kind)
    for name, value in moved.inputs.items():
        expected = in_float32[name].to(kind) if value.is_floating_point() else in_float32[name]
        assert torch.equal(value, expected)
        assert in_float32[name].dtype in (torch.float32, torch.int64, torch.bool)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_library_agrees_with_forward_over_all_parameters(experiment: str) -> None:
    spec = specification(experiment, dtype="float64")
    formula = lookup(spec.formula)
    for params in variations(spec.formula, dict(spec.params)):
        try:
            formula.sizes(spec.shape, params)
        except ValueError:
            continue  # the shape does not allow this value
        case = case_of(dataclasses.replace(spec, params=params))
        truth = reference.by_forward(case)
        if formula.library is not None:
            assert_close(case, reference.by_library(case), truth, f"library {params}")
        for derivation in gradients_of(formula.name):
            assert_close(case, manual.gradients(case, derivation), truth, f"{derivation.name} {params}")


@pytest.mark.parametrize(
    ("experiment", "edge"),
    [(e, edge) for e in EXPERIMENTS for edge in lookup(configuration(e).formula).edges],
)
def test_every_edge(experiment: str, edge: str) -> None:
    spec = specification(experiment, dtype="float64")
    formula = lookup(spec.formula)
    stated = formula.edges[edge]
    if stated.raises is not None:
        with pytest.raises(stated.raises):
            edge_case(spec, stated).results  # noqa: B018
        return
    case = edge_case(spec, stated)
    truth = reference.by_forward(case)
    for derivation in gradients_of(formula.name):
        assert_close(case, manual.gradients(case, derivation), truth, f"{edge} {derivation.name}")


def gradients_of(name: str) -> list[Derivation]:
    return [one for one in lookup(name).derivations.values() if one.kind is GRADIENT]


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
    for wrt, gradient in found.items():
        assert gradient.shape == truth[wrt].shape, (what, wrt)
        assert gradient.dtype == truth[wrt].dtype, (what, wrt)
        bound = correctness_bound(magnitude(truth[wrt]), floor[wrt], upstream)
        assert max_abs_error(gradient, truth[wrt]) <= bound, (what, wrt)
