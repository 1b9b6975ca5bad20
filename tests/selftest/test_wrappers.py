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
    (*LINEAR, "float32_inside", "negative upstream"),
    (*RELU, "at_zero", "zeros"),
    (*RELU, "at_ties", "ties"),
    (*RELU, "at_negative", ""),  # where the gradient is zero in any case
    (*RELU, "at_large", "wide"),
    (*RELU, "at_tiny", "small"),
    (*RELU, "last_elements", "own inputs"),
    (*RELU, "last_row", "own inputs"),
    (*RELU, "result_in_upstream", "own inputs"),
    (*RELU, "exponential", "large"),
    (*LINEAR, "behind_128_columns", "shape {'batch': [2, 2], 'n': 129, 'm': 2}"),
    (*LINEAR, "behind_1024_columns", "shape {'batch': [2, 2], 'n': 1025, 'm': 2}"),
    (*LINEAR, "behind_128_rows", "shape {'batch': [129, 2], 'n': 2, 'm': 2}"),
    (*LINEAR, "last_part_of_128", "shape {'batch': [2, 2], 'n': 129, 'm': 2}"),
    (*LINEAR, "end_of_each_block", "shape {'batch': [2, 3], 'n': 67, 'm': 5}"),
    (*LINEAR, "rows_that_begin_with_zero", "half zero upstream"),
    (*LINEAR, "nothing_after_a_zero", "half zero upstream"),
    (*LINEAR, "rows_over_their_sums", "rows of zeros upstream"),
    (*LINEAR, "nowhere_positive", "negative upstream"),
    (*LINEAR, "everywhere_positive", "positive upstream"),
    (*LINEAR, "small_for_zero", "tiny upstream"),
    (*LINEAR, "clipped_upstream", "huge upstream"),
    (*LINEAR, "upstream_by_row_stride", "strided upstream"),
    (*LINEAR, "inputs_by_row_stride", "strided other arguments"),
    (*LINEAR, "channels_last_upstream", "transposed upstream"),  # of three axes, channels lie last
    (*LINEAR, "upstream_of_heads", "exchanged upstream"),
    (*LINEAR, "looked_up", "own inputs"),
    (*LINEAR, "saturated_early", "wide"),
    (*LINEAR, "zero_early", "small"),
    (*LINEAR, "sixth_of_float32", "own inputs"),
    (*LINEAR, "default_dtype", "own inputs"),
    (*LINEAR, "seed", "own inputs"),
    (*LINEAR, "deterministic_algorithms", "own inputs"),
    (*LINEAR, "one_workspace", "two live contexts"),
    (*LINEAR, "last_forward", "two live contexts"),
    (*LINEAR, "scaled_in_place", "backward twice"),
    (*LINEAR, "added_to", "backward twice"),
    (*LINEAR, "unguarded", "an input written to in between"),
    (*LINEAR, "zero_where_one_is_frozen", "x frozen"),
    (*LINEAR, "missing_where_one_is_frozen", "x frozen"),
    (*LINEAR, "halved_where_the_last_is_frozen", "b frozen"),
    (*LINEAR, "every_maximum", "zeros"),
    (*RELU, "nan_for_zero", ""),  # nothing is NaN but under an upstream gradient that is
    ("layer_norm", "saved_statistics", "applied_twice", "own inputs"),
    ("mse", "residual", "every_tenth_call", "shape {'n': 4}"),
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


@pytest.mark.parametrize("name", ["detached", "half_detached", "constant_upstream", "constant_inputs"])
def test_it_shows_when_it_is_differentiated(name: str) -> None:
    mistake = wrapped(*LINEAR, name)
    assert isinstance(mistake, Mistake)
    found = laboratory(*LINEAR).second_order(mistake.make)
    assert found is not None
    assert found.second


@pytest.mark.parametrize(("name", "probe"), [("nan_for_zero", "nan"), ("largest_for_infinite", "inf")])
def test_what_is_not_finite_is_sent_on(name: str, probe: str) -> None:
    mistake = wrapped(*RELU, name)
    assert isinstance(mistake, Mistake)
    found = laboratory(*RELU).not_finite(mistake.make)
    assert found is not None
    assert found.probe == f"{probe} upstream"


def test_sums_in_another_order_have_other_bits() -> None:
    mistake = wrapped("layer_norm", "saved_statistics", "order_of_sums")
    assert isinstance(mistake, Mistake)
    assert shown_by("layer_norm", "saved_statistics", mistake.make()) == "called twice"


def test_sums_in_half_precision_lose_terms() -> None:
    mistake = wrapped(*LINEAR, "summed_in_half")
    assert isinstance(mistake, Mistake)
    found = laboratory(*LINEAR).accuracy(mistake.make)
    assert found is not None
    assert found.probe.startswith("bfloat16, an upstream of one sign")


def test_a_parameter_at_its_default() -> None:
    into = target("layer_norm", "recomputed")
    ignored = {m.name: m for m in wrappers.mistakes(into) if m.kind == "parameter ignored"}
    assert [*ignored] == ["eps: Take its default, whatever it is"]
    (mistake,) = ignored.values()
    assert isinstance(mistake, Mistake)
    bench = laboratory("layer_norm", "recomputed")
    found = [bench.difference(mistake.make, {**into.spec.params, "eps": eps}) for eps in (1e-5, 0.5)]
    assert [one and one.probe for one in found] == ["edge equal_numbers_without_eps", "own inputs"]


def test_what_is_left_changed_is_put_back() -> None:
    before = torch.get_default_dtype(), torch.get_rng_state(), torch.get_deterministic_debug_mode()
    for name in ("default_dtype", "seed", "deterministic_algorithms"):
        mistake = wrapped(*LINEAR, name)
        assert isinstance(mistake, Mistake)
        shown_by(*LINEAR, mistake.make())
    assert before[0] == torch.get_default_dtype()
    assert torch.equal(before[1], torch.get_rng_state())
    assert before[2] == torch.get_deterministic_debug_mode()


@pytest.mark.parametrize(
    ("formula", "derivation", "name", "why"),
    [
        (*RELU, "one_of_several", "differentiates by one input"),
        (*RELU, "swapped_inputs", "no two inputs have the same shape"),
        (*RELU, "other_eps", "has no eps"),
        ("matvec", "jacobian", "one_input_left_out", "allows a derivation to cover some"),
        (*RELU, "zero_where_one_is_frozen", "differentiates by one input"),
        (*LINEAR, "applied_twice", "has the shape of the upstream gradient"),
        ("softmax", "jacobian", "one_workspace", "takes no upstream gradient"),
        ("softmax", "jacobian", "order_of_sums", "takes no upstream gradient with two rows"),
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
