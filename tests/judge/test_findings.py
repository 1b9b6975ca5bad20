"""What the outcomes of checks make of a judgement, on judgements and outcomes made by hand."""

from typing import Any

import pytest

from runner.checks import checks
from runner.diagnose import Statement, say
from runner.judge.findings import FURTHER, MOST_KEPT, MOST_SAID, WEAK, weighed
from runner.judge.judgement import Checked, Judgement, Outcome
from runner.judge.rank import CAUSES, CHECKS
from runner.verdicts import VERDICTS, Verdict

BROKEN, OTHER = say("changed_by_call", name="x"), say("upstream_ignored", wrt="x")
UNEXPLAINED = say(
    "unexplained", count=1, total=1, index=[0], gradient=say("numbers", values=[1.0]), truth=say("numbers")
)


def one(judgement: Judgement, *outcomes: Outcome) -> Judgement:
    (found,) = weighed([judgement], outcomes)
    return found


def judgement(verdict: Verdict | None = "correct", **known: Any) -> Judgement:
    return Judgement(wrt="x", verdict=verdict, **known)


def outcome(check: str = "layout", **known: Any) -> Outcome:
    return Outcome(check=check, wrt="x", **known)


def names(statements: tuple[Statement, ...]) -> list[str]:
    return [statement.name for statement in statements]


def test_a_check_that_is_passed_leaves_its_trace() -> None:
    looks = [outcome("values", ratio=ratio, compared=True) for ratio in (0.25, None, 0.5)]
    found = one(judgement("exact"), *looks, outcome("layout"))
    assert found.checked == (Checked("values", 3, 0, 0.5), Checked("layout", 1, 0, None))
    assert (found.verdict, found.failed, found.findings, found.diagnosis) == ("exact", (), (), ())


def test_what_nobody_looked_at_leaves_no_trace() -> None:
    assert one(judgement()) == judgement()


def test_a_check_that_failed_is_counted_beside_those_it_passed() -> None:
    looks = [outcome(ratio=0.5), outcome(ratio=7.0, broken=BROKEN), outcome(broken=BROKEN)]
    assert one(judgement(), *looks).checked == (Checked("layout", 3, 2, 7.0),)


@pytest.mark.parametrize(
    ("before", "outcomes", "after"),
    [
        ("exact", [], "exact"),
        ("exact", ["invalid"], "invalid"),
        ("correct", ["inaccurate"], "inaccurate"),
        ("inaccurate", ["invalid", "wrong"], "wrong"),
        ("inaccurate", ["wrong", "invalid"], "wrong"),
        ("invalid", ["inaccurate"], "invalid"),
        ("wrong", ["invalid"], "wrong"),
        ("suspect_reference", ["inaccurate"], "suspect_reference"),
        ("suspect_reference", ["invalid"], "invalid"),
        (None, ["inaccurate"], "inaccurate"),
    ],
)
def test_the_worst_verdict_wins(before: Verdict | None, outcomes: list[Verdict], after: Verdict) -> None:
    found = one(judgement(before), *(outcome(broken=BROKEN, verdict=verdict) for verdict in outcomes))
    assert found.verdict == after
    assert found.failed == (("layout",) if outcomes else ())


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_comparison_tells_nothing_of_what_is_wrong_at_its_own_point(verdict: Verdict) -> None:
    compared = outcome("values", ratio=9.0, broken=BROKEN, verdict="wrong", compared=True)
    property_of_its_own = outcome("layout", broken=OTHER)
    found = one(judgement(verdict, diagnosis=(say("wrong_sign", named=None),)), compared, property_of_its_own)
    dropped = verdict in FURTHER
    assert found.findings == ((property_of_its_own,) if dropped else (compared, property_of_its_own))
    assert found.failed == (("layout",) if dropped else ("values", "layout"))
    assert found.checked == (Checked("values", 1, 1, 9.0), Checked("layout", 1, 1, None)), "looked at, still"


def test_the_verdicts_after_which_nothing_more_is_told() -> None:
    assert {"wrong", "invalid", "suspect_reference"} == FURTHER


@pytest.mark.parametrize("count", [1, MOST_KEPT, MOST_KEPT + 4])
def test_of_each_check_the_first_few_findings_are_kept(count: int) -> None:
    def broken(check: str) -> list[Outcome]:
        return [outcome(check, condition=f"case {i}", broken=BROKEN) for i in range(count)]

    layout, values = broken("layout"), broken("values")
    mixed = [part for pair in zip(layout, values, strict=True) for part in pair]
    found = one(judgement(), *mixed)
    assert found.findings == (*layout[:MOST_KEPT], *values[:MOST_KEPT])
    assert [trace.failed for trace in found.checked] == [count, count]


def test_a_note_is_kept_and_counts_for_nothing() -> None:
    shared = say("shares_memory", wrt="x", owner="grad_y")
    note = outcome(broken=shared, verdict=None)
    found = one(judgement("exact", notes=(OTHER,)), note, note)
    assert found.notes == (OTHER, shared), "once, after what was known"
    assert (found.verdict, found.failed, found.findings, found.diagnosis) == ("exact", (), (), ())
    assert found.checked == (Checked("layout", 2, 0, None),)


def test_a_finding_is_no_note() -> None:
    assert one(judgement(), outcome(broken=BROKEN)).notes == ()


@pytest.mark.parametrize(("wrt", "failed"), [("x", ("layout",)), ("", ("layout",)), ("W", ())])
def test_an_outcome_belongs_to_one_input_or_to_all(wrt: str, failed: tuple[str, ...]) -> None:
    assert one(judgement(), Outcome(check="layout", wrt=wrt, broken=BROKEN)).failed == failed


def test_what_failed_before_stands_first_and_once() -> None:
    found = one(
        judgement("invalid", failed=("dtype", "layout"), diagnosis=(OTHER,)),
        outcome("values", broken=BROKEN),
        outcome("layout", broken=BROKEN),
    )
    assert found.failed == ("dtype", "layout", "values")


def test_the_first_finding_of_the_checks_that_explain_most_is_told() -> None:
    checks = ["layout", "a plug-in's", "other_upstreams", "layout", "other_shapes", "other_upstreams"]
    outcomes = [outcome(check, condition=f"case {i}", broken=BROKEN) for i, check in enumerate(checks)]
    said = one(judgement(), *outcomes).diagnosis
    assert [(s.figures["check"], s.figures["condition"]) for s in said] == [
        ("other_upstreams", "case 2"),
        ("other_shapes", "case 4"),
    ]
    assert len(said) == MOST_SAID


def test_every_check_has_its_rank() -> None:
    assert {*checks()} <= {*CHECKS}
    assert len({*CHECKS}) == len(CHECKS)


@pytest.mark.parametrize(
    ("sooner", "later"),
    [
        ("linear_in_upstream", "layout"),
        ("independent_of_history", "other_shapes"),
        ("other_values", "other_shapes"),
        ("other_shapes", "layout"),
    ],
)
def test_what_explains_the_other_is_told_first(sooner: str, later: str) -> None:
    said = one(judgement(), *(outcome(check, broken=BROKEN) for check in (later, sooner))).diagnosis
    assert [s.figures["check"] for s in said] == [sooner, later]


def test_what_is_explained_at_its_own_point_needs_no_more_words() -> None:
    sign = say("wrong_sign", named=None)
    found = one(judgement("wrong", diagnosis=(sign,)), outcome(broken=BROKEN))
    assert found.diagnosis == (sign,)
    assert found.failed == ("layout",)


def test_what_nothing_explains_is_told_with_what_was_found() -> None:
    found = one(judgement("wrong", diagnosis=(UNEXPLAINED,)), outcome(broken=BROKEN))
    assert names(found.diagnosis) == ["unexplained", "finding"]


def test_a_statement_is_told_once() -> None:
    found = one(judgement(), *(outcome(broken=BROKEN, condition="ties") for _ in range(3)))
    assert names(found.diagnosis) == ["finding"]


def compared(check: str, condition: str, *, holds: bool, **known: Any) -> Outcome:
    broken = None if holds else BROKEN
    return outcome(check, condition=condition, broken=broken, verdict="wrong", compared=True, **known)


@pytest.mark.parametrize(
    ("failing", "passing", "said"),
    [
        (["ties"], ["zeros", "small"], {"conditions": ["ties"], "others": 2, "check": "values"}),
        (["ties"], ["zeros"], {"conditions": ["ties"], "others": 1, "check": "values"}),
        (["ties", "zeros"], ["small"], None),
        (["ties"], [], None),
        ([], ["ties"], None),
    ],
)
def test_when_it_is_wrong(failing: list[str], passing: list[str], said: dict[str, Any] | None) -> None:
    outcomes = [compared("values", name, holds=False) for name in failing]
    outcomes += [compared("values", name, holds=True) for name in passing]
    found = {s.name: dict(s.figures) for s in one(judgement(), *outcomes).diagnosis}
    assert found.get("only_for_conditions") == said


@pytest.mark.parametrize(("others", "rest"), [(1, "the other condition"), (76, "76 other conditions")])
def test_the_conditions_that_are_right_are_counted(others: int, rest: str) -> None:
    said = say("only_for_conditions", conditions=["a", "b"], others=others, check="layout")
    assert str(said) == f"wrong only for a and b, not for {rest} of layout"


def test_at_which_shapes_it_is_wrong() -> None:
    outcomes = [compared("shapes", f"n={n}", holds=n < 3, shape={"n": n}) for n in (1, 2, 3, 4)]
    first = str(one(judgement(), *outcomes).diagnosis[0])
    assert first.startswith("wrong at 2 of 4 shapes: at n=3 and n=4, and not at n=1 and n=2")


def test_lost_accuracy_says_nothing_of_when_it_is_wrong() -> None:
    lost = outcome("precision", condition="large", broken=BROKEN, verdict="inaccurate", compared=True)
    held = outcome("precision", condition="small", verdict="inaccurate", compared=True)
    assert names(one(judgement(), lost, held).diagnosis) == ["finding"]


def test_which_gradients_are_wrong_is_told_of_those() -> None:
    right, wrong = (
        Judgement(wrt="W", verdict="exact"),
        Judgement(wrt="x", verdict="wrong", diagnosis=(OTHER,)),
    )
    of_W, of_x = weighed([right, wrong], [])
    assert of_W == right
    assert [str(statement) for statement in of_x.diagnosis] == [str(OTHER), "W is right, only x is wrong"]


def test_where_all_are_wrong_nothing_tells_them_apart() -> None:
    wrong = [Judgement(wrt=wrt, verdict="wrong", diagnosis=(OTHER,)) for wrt in ("W", "x")]
    assert weighed(wrong, []) == wrong


def test_no_judgement_gives_none() -> None:
    assert weighed([], [outcome(broken=BROKEN)]) == []


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_is_told_alone(cause: str) -> None:
    outcomes = [outcome("a check", broken=BROKEN), outcome("values", broken=say(cause, wrt="x"))]
    (said,) = one(judgement(), *outcomes).diagnosis
    assert (said.name, said.figures["what"].name) == ("finding", cause)


def test_the_first_of_several_causes_is_told() -> None:
    outcomes = [outcome(f"check {i}", broken=say(cause, wrt="x")) for i, cause in enumerate(reversed(CAUSES))]
    (said,) = one(judgement(), *outcomes).diagnosis
    assert said.figures["what"].name == CAUSES[0]


@pytest.mark.parametrize("weak", WEAK)
def test_a_weak_statement_stays_where_nothing_is_found(weak: str) -> None:
    before = (say(weak, error=2.0, excused=1.0),)
    assert one(judgement("inaccurate", diagnosis=before), outcome(ratio=0.5)).diagnosis == before
