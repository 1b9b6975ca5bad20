"""A change of the source is made in copies: the derivation sees it, and nobody else."""

import torch

from runner.formula import lookup, names
from runner.judge import manual
from runner.selftest.mistake import planted
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
    assert all(torch.equal(again[name], before[name]) for name in before)
    fresh = into.formula.apply(into.formula.forward, into.case.inputs, into.case.params)
    assert all(torch.equal(fresh[name], results[name]) for name in results)


def test_functions_reached_through_a_table_are_changed_too() -> None:
    changed = {mistake.name.partition(":")[0] for mistake in source_mistakes("mlp", "reverse_sweep")}
    assert {"reverse_sweep", "by_layer", "outer_product", "output_mask", "widened"} <= changed


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
