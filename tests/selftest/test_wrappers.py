"""Each wrapper makes its mistake where it says, and nowhere else."""

import pytest
import torch

from runner.selftest import wrappers
from runner.selftest.mistake import KINDS, Mistake
from tests.selftest.planting import laboratory, shown_by, target, wrapped

LINEAR = ("linear", "outer_product")
RELU = ("relu", "output_mask")

SHOWN = [
    (*LINEAR, "sign", "own inputs"),
    (*LINEAR, "slightly_scaled", "own inputs"),
    (*LINEAR, "other_forward", "own inputs"),
    (*LINEAR, "ones_for_upstream", "own inputs"),
    (*LINEAR, "mean_upstream", "own inputs"),
    (*LINEAR, "transposed_square", "own inputs"),
    (*LINEAR, "transposed_when_square", "shape {'batch': [2, 3], 'n': 3, 'm': 5}"),
    (*LINEAR, "own_size", "shape {'batch': [1, 3], 'n': 7, 'm': 5}"),
    (*LINEAR, "one_for_each_use", "own inputs"),
    (*LINEAR, "always_float32", "own inputs"),
    (*LINEAR, "other_device", "own inputs"),
    (*LINEAR, "damaged_upstream", "own inputs"),
    (*LINEAR, "damaged_input", "own inputs"),
    (*LINEAR, "clamped_input", "large"),
    (*LINEAR, "reused_buffer", "another seed"),
    (*LINEAR, "one_input_left_out", "own inputs"),
    (*LINEAR, "none_for_one_input", "own inputs"),
    (*LINEAR, "noise", "own inputs"),
    (*LINEAR, "noise_in_the_last_place", "called twice"),
    (*LINEAR, "first_result_for_ever", "another seed"),
    (*LINEAR, "accumulated", "another seed"),
    (*LINEAR, "cached_by_address", "called again in the same memory"),
    (*LINEAR, "upstream_in_storage_order", "strided upstream"),
    (*LINEAR, "inputs_in_storage_order", "strided other arguments"),
    (*LINEAR, "expanded_upstream", "expanded upstream"),
    (*LINEAR, "float32_inside", "all digits of float64"),
    (*RELU, "at_zero", "zeros"),
    (*RELU, "at_ties", "ties"),
    (*RELU, "at_negative", ""),  # where the gradient is zero in any case
    (*RELU, "at_large", "wide"),
    (*RELU, "at_tiny", "small"),
    (*RELU, "last_elements", "own inputs"),
    (*RELU, "last_row", "own inputs"),
    (*RELU, "result_in_upstream", "own inputs"),
    (*RELU, "exponential", "large"),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "derivation", "name", "probe"), SHOWN, ids=[s[2] for s in SHOWN])
def test_first_probe_that_shows_it(formula: str, derivation: str, name: str, probe: str) -> None:
    mistake = wrapped(formula, derivation, name)
    assert isinstance(mistake, Mistake)
    assert shown_by(formula, derivation, mistake.make()) == probe


@pytest.mark.parametrize(
    ("name", "dtype"), [("large_difference", "float32"), ("rounded_result", "float32"), ("square", "float16")]
)
def test_lower_precision_shows_it(name: str, dtype: str) -> None:
    mistake = wrapped(*LINEAR, name)
    assert isinstance(mistake, Mistake)
    bench = laboratory(*LINEAR)
    assert bench.difference(mistake.make, bench.target.spec.params) is None
    found = bench.accuracy(mistake.make)
    assert found is not None
    assert found.probe.startswith(dtype)


def test_a_detached_result_shows_when_it_is_differentiated() -> None:
    mistake = wrapped(*LINEAR, "detached")
    assert isinstance(mistake, Mistake)
    found = laboratory(*LINEAR).second_order(mistake.make)
    assert found is not None
    assert found.second


@pytest.mark.parametrize(
    ("formula", "derivation", "name", "why"),
    [
        (*RELU, "one_of_several", "differentiates by one input"),
        (*RELU, "swapped_inputs", "no two inputs have the same shape"),
        (*RELU, "other_eps", "has no eps"),
        ("matvec", "jacobian", "one_input_left_out", "allows a derivation to cover some"),
    ],
)
def test_a_mistake_that_has_no_room_is_not_planted(
    formula: str, derivation: str, name: str, why: str
) -> None:
    refused = wrapped(formula, derivation, name)
    assert isinstance(refused, wrappers.NotApplicable)
    assert why in refused.why


def test_arguments_are_taken_for_each_other() -> None:
    found = [m for m in wrappers.mistakes(target("relu", "input_mask")) if m.name.startswith("argument")]
    assert {m.name: m.kind for m in found} == {
        "argument: takes x for grad_y": "wrong saved tensor",
        "argument: takes y for grad_y": "wrong saved tensor",
        "argument: takes grad_y for x": "wrong saved tensor",
        "argument: takes y for x": "pre- against post-activation",
    }


@pytest.mark.parametrize("derivation", [LINEAR, RELU, ("softmax", "jacobian")])
def test_every_wrapper_leaves_the_right_derivation_alone(derivation: tuple[str, str]) -> None:
    into = target(*derivation)
    found = [*wrappers.mistakes(into)]
    made = [mistake.make() for mistake in found if isinstance(mistake, Mistake)]
    assert len(made) > 10
    assert {mistake.kind for mistake in found} <= {*KINDS}
    again = into.derivation(into.case.values, into.case.inputs)
    assert again.keys() == into.gradients.keys() != set()
    assert all(torch.equal(again[name], grad) for name, grad in into.gradients.items())
