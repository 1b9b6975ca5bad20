"""A change of the source is made in copies: the derivation sees it, and nobody else."""

import dataclasses

import pytest
import torch
from torch import Tensor

from runner.case.case import Case
from runner.formula import lookup, names
from runner.judge import manual
from runner.selftest.mistake import Mistake, Target, planted
from tests.selftest.planting import source_mistakes, target


def test_a_helper_of_another_file_is_changed_for_the_derivation_alone() -> None:
    into = target("layer_norm", "saved_statistics")
    before = {name: grad.clone() for name, grad in into.gradients.items()}
    results = {name: value.clone() for name, value in into.case.results.items()}
    changes = [m for m in source_mistakes("layer_norm", "saved_statistics") if m.name.startswith("row_mean:")]
    assert changes
    for mistake in changes:
        mistake.make()
    again = manual.gradients(into.case, into.derivation)
    assert again.keys() == before.keys() == {"x", "w", "b"}
    assert all(torch.equal(again[name], before[name]) for name in before)
    fresh = into.formula.apply(into.formula.forward, into.case.inputs, into.case.params)
    assert all(torch.equal(fresh[name], results[name]) for name in results)


def test_functions_reached_through_a_table_are_changed_too() -> None:
    changed = {mistake.name.partition(":")[0] for mistake in source_mistakes("mlp", "reverse_sweep")}
    assert {"reverse_sweep", "by_layer", "outer_product", "output_mask"} <= changed


@pytest.mark.parametrize(
    ("formula", "derivation", "helper"),
    [
        ("layer_norm", "recomputed", "saved_statistics"),  # decorated, and called by what is decorated
        ("scaled_dot_product_attention", "recomputed", "output_product"),  # of another file
        ("tanh", "output_square", "output_square"),  # a slope
        ("tanh", "diagonal", "output_square"),
    ],
)
def test_a_decorated_function_is_changed_and_decorated_again(
    formula: str, derivation: str, helper: str
) -> None:
    into = target(formula, derivation)
    half = into.case.to("cpu", torch.bfloat16)
    right = manual.gradients(half, into.derivation)
    found: list[dict[str, Tensor]] = []
    for mistake in source_mistakes(formula, derivation):
        if mistake.name.startswith(f"{helper}:") and mistake.kind == "algebra":
            found += gradients_of(half, into, mistake)
    assert {grad.dtype for gradients in found for grad in gradients.values()} == {torch.bfloat16}
    assert any(not torch.equal(grad, right[n]) for gradients in found for n, grad in gradients.items())


def gradients_of(case: Case, into: Target, mistake: Mistake) -> list[dict[str, Tensor]]:
    """Return what a planted derivation gives, if it runs."""
    with planted(into, mistake.make()) as spec:
        try:
            formula = lookup(spec.formula)
            changed = formula.derivations[into.derivation.name]
            return [manual.gradients(dataclasses.replace(case, formula=formula), changed)]
        except Exception:  # some changes do not run
            return []


def test_a_decorator_is_dropped_in_one_place() -> None:
    into = target("layer_norm", "recomputed")
    dropped = {m.name: m for m in source_mistakes("layer_norm", "recomputed") if "without" in m.name}
    assert [*dropped] == ["recomputed: without @in_float32", "saved_statistics: without @in_float32"]
    half = into.case.to("cpu", torch.bfloat16)
    right = manual.gradients(half, into.derivation)["x"]
    for mistake in dropped.values():
        assert mistake.kind == "low-precision accumulation"
        (found,) = gradients_of(half, into, mistake)
        outermost = mistake.name.startswith("recomputed")
        assert torch.equal(found["x"], right) != outermost, "the inner one has nothing left to widen"


def test_a_change_is_shown_as_a_diff() -> None:
    (mistake,) = (
        m
        for m in source_mistakes("dot_product", "product")
        if m.kind == "missing output" and "'w'" not in m.name.partition("->")[2]
    )
    assert mistake.change.splitlines() == [
        "product:",
        "-    return {'w': x * grad_f, 'x': w * grad_f}",
        "+    return {'x': w * grad_f}",
    ]


def test_the_registry_is_left_as_it_was() -> None:
    into, before = target("dot_product", "product"), names()
    with planted(into, into.function) as spec:
        assert spec.formula not in before
        assert lookup(spec.formula).derivations["product"].function is into.function
    assert names() == before
