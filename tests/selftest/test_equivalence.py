"""What changes nothing is found by running it, and what changes something is not taken for that."""

from collections import Counter

import pytest
from torch import Tensor

from runner.selftest import mutate, wrappers
from runner.selftest.campaign import EQUIVALENT, PLANTED, Campaign, Lot, Outcome, cases, plant
from runner.selftest.equivalence import Laboratory
from runner.selftest.judge import Judge
from runner.selftest.mistake import Mistake
from runner.selftest.settings import variations
from runner.selftest.wrappers.context import Context, copies
from tests.selftest.planting import laboratory, shown_by, source_mistakes, target, wrapped

Gradients = dict[str, Tensor]


def other_order(grad_y: Tensor, x: Tensor, W: Tensor, b: Tensor | None = None) -> Gradients:
    rows, upstream = x.reshape(-1, x.shape[-1]), grad_y.reshape(-1, len(W))
    found = {"x": (W.mT @ upstream.mT).mT.reshape(x.shape), "W": (rows.mT @ upstream).mT}
    return found if b is None else {**found, "b": upstream.sum(0)}


def at_batches_of_thirteen(grad_y: Tensor, x: Tensor, W: Tensor, b: Tensor | None = None) -> Gradients:
    right = other_order(grad_y, x, W, b)
    return right if x.shape[:1] != (13,) else {name: 2 * grad for name, grad in right.items()}


def test_another_order_of_operations_is_no_mistake() -> None:
    assert shown_by("linear", "outer_product", other_order) == ""


def test_a_mistake_at_one_shape_is_one() -> None:
    assert "13" in shown_by("linear", "outer_product", at_batches_of_thirteen)


def test_the_right_derivation_differs_from_itself_nowhere() -> None:
    bench = laboratory("relu", "output_mask")
    make = lambda: bench.target.function  # noqa: E731
    assert bench.difference(make, bench.target.spec.params) is None
    assert bench.accuracy(make) is None
    assert bench.second_order(make) is None


def test_a_comparison_at_a_kink_counts() -> None:
    (mistake,) = (m for m in source_mistakes("relu", "input_mask") if m.kind == "ties and zeros")
    assert shown_by("relu", "input_mask", mistake.make()) == "zeros"


def test_half_of_a_second_derivative_is_one_of_second_order_also_where_it_overflows() -> None:
    campaign = Campaign(into := target("multi_head_attention", "by_parts"), [])
    (half,) = (m for m in wrappers.mistakes(into) if m.name.startswith("half_detached"))
    assert isinstance(half, Mistake)
    assert campaign.laboratory.accuracy(half.make), "the sum of two halves is outside of float16 first"
    _, found = campaign._difference(half)
    assert found
    assert found.second


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    kinds = ("algebra", "scale", "state between calls", "in-place damage", "aliased result", "contexts")
    return plant("mse", "residual", kinds, Lot(per_class=3))


def test_every_equivalent_has_its_reason(outcomes: list[Outcome]) -> None:
    equivalent = [one for one in outcomes if one.state == EQUIVALENT]
    assert equivalent
    assert all("same result to rounding in" in one.shown_by for one in equivalent)


def test_what_is_planted_is_shown_and_judged(outcomes: list[Outcome]) -> None:
    planted = [one for one in outcomes if one.state == PLANTED]
    assert all(one.shown_by and one.said and one.change for one in planted)
    assert all(one.caught.keys() == planted[0].caught.keys() for one in planted)
    assert all(bool(one.diagnosis) == one.caught["handgrad full"] for one in planted)
    by_kind = Counter(one.kind for one in planted)
    assert set(by_kind.values()) <= {1, 2, 3}
    assert by_kind.keys() == {
        "algebra", "scale", "state between calls", "in-place damage", "aliased result", "contexts",
    }  # fmt: skip


def test_a_branch_is_tried_where_parameters_reach_it() -> None:
    into = target("cross_entropy", "zero_row_sum")
    campaign = Campaign(into, list(variations(into.formula, into.spec.params)))
    found = mutate.mistakes(into, cases(into, campaign.params))
    changed = [m for m in found if m.kind == "scale" and "mean(weight" in m.change]
    (outcome,) = campaign.outcomes(changed, Lot(per_class=1))
    assert outcome.state == PLANTED
    assert "weighted=true" in outcome.params


def test_a_context_of_its_own_is_no_mistake() -> None:
    bench = laboratory("linear", "outer_product")
    make = lambda: Context(bench.target, copies, lambda run, saved: run())  # noqa: E731
    assert bench.difference(make, bench.target.spec.params) is None


def test_a_fresh_laboratory_does_not_remember() -> None:
    mistake = wrapped("relu", "output_mask", "first_result_for_ever")
    assert isinstance(mistake, Mistake)
    bench = Laboratory(laboratory("relu", "output_mask").target)
    found = [bench.difference(mistake.make, bench.target.spec.params) for _ in range(2)]
    assert found[0] == found[1] is not None


def test_what_has_no_kernel_in_a_dtype_is_judged_in_the_others() -> None:
    eigh = target("eigh", "by_differences")
    said = Judge().verdict(eigh, eigh.function, "off", "scale")
    assert not said.caught
    assert said.dtype == eigh.spec.dtype
