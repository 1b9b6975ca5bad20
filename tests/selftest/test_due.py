"""Diagnoses are graded by what was planted, as data."""

import pytest

from runner.diagnose import Statement, say
from runner.diagnose.sentences import SENTENCES
from runner.judge.judgement import Judgement, Outcome
from runner.selftest.due import CHECKS, DUE, STATEMENTS, Due, Grade

TWO = say("off_by_factor", factor=say("factor", value=2.0, named=None))
TWO_OR_ROWS = say("off_by_factor", factor=say("factor", value=2.0, named=say("or_named", names=["rows"])))
ROWS = say("off_by_factor", factor=say("factor", value=2.0, named=say("named", names=["rows"])))
SEVEN_SIXTHS = say("off_by_factor", factor=say("factor", value=7 / 6, named=say("named", names=["n/(n-1)"])))
UNEXPLAINED = say("unexplained", count=1, total=2, index=[0], gradient=0.0, truth=1.0)
LAYOUT = say("finding", check="layout", condition="strided inputs", what=UNEXPLAINED)
HISTORY = say("finding", check="independent_of_history", condition="", what=say("history", wrt="x"))
DOUBLED = Due.of("factor", factor=2.0)
OF_SIZE = Due.of("factor", factor=lambda size: size[0] / (size[0] - 1))


def judgement(*said: Statement, found: str = "", verdict: str = "wrong") -> Judgement:
    findings = (Outcome(check=found, broken=UNEXPLAINED),) if found else ()
    return Judgement(wrt="x", verdict=verdict, size=(7,), diagnosis=said, findings=findings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("due", "said", "grade"),
    [
        (DOUBLED, [TWO], "right"),
        (DOUBLED, [TWO_OR_ROWS], "right"),
        (DOUBLED, [ROWS], "misleading"),  # another shape would tell
        (DOUBLED, [SEVEN_SIXTHS], "misleading"),
        (DOUBLED, [UNEXPLAINED], "unhelpful"),
        (OF_SIZE, [SEVEN_SIXTHS], "right"),
        (OF_SIZE, [TWO], "misleading"),
        (Due.of("sign", factor=-1.0), [say("wrong_sign", named=None)], "right"),
        (DOUBLED, [say("wrong_sign", named=None)], "misleading"),
        (DOUBLED, [LAYOUT], "misleading"),
        (DOUBLED, [LAYOUT, TWO], "right"),
        (DOUBLED, [say("several", statements=[UNEXPLAINED, TWO])], "right"),
        (DUE["non-contiguous input"], [LAYOUT], "right"),
        (DUE["non-contiguous input"], [TWO], "unhelpful"),  # true of the numbers, and not why
        (DUE["state between calls"], [HISTORY], "right"),
        (DUE["upstream ignored"], [HISTORY], "misleading"),
        (DUE["upstream ignored"], [say("upstream_ignored", wrt="x")], "right"),
        (DUE["wrong dtype"], [say("mismatch", what="dtype", received="a", expected="b")], "right"),
        (DUE["wrong dtype"], [say("mismatch", what="device", received="a", expected="b")], "misleading"),
        (DUE["wrong saved tensor"], [say("mismatch", what="dtype", received="a", expected="b")], "unhelpful"),
        (DUE["algebra"], [say("mismatch", what="dtype", received="a", expected="b")], "misleading"),
    ],
)
def test_grade(due: Due, said: list[Statement], grade: Grade) -> None:
    assert due.grade([judgement(*said)]) == grade


def test_a_failed_check_counts_where_the_diagnosis_says_nothing() -> None:
    due = DUE["non-contiguous input"]
    assert due.grade([judgement(UNEXPLAINED, found="layout")]) == "right"
    assert due.grade([judgement(HISTORY, found="layout")]) == "misleading"
    assert due.grade([judgement(UNEXPLAINED, found="other_shapes")]) == "unhelpful"


def test_a_verdict_says_something_too() -> None:
    assert DUE["cancellation"].grade([judgement(verdict="inaccurate")]) == "right"
    assert DUE["scale"].grade([judgement(verdict="inaccurate")]) == "misleading"


def test_the_worst_of_several_gradients_counts() -> None:
    assert DOUBLED.grade([judgement(TWO), judgement(UNEXPLAINED)]) == "right"
    assert DOUBLED.grade([judgement(TWO), judgement(LAYOUT)]) == "misleading"


def test_every_topic_is_of_statements_and_checks_that_there_are() -> None:
    from runner.checks import checks

    assert {name for names in STATEMENTS.values() for name in names} <= {*SENTENCES}
    assert {*CHECKS} - {"live_contexts", "backward_twice"} <= {*checks()}
    topics = {*STATEMENTS, *CHECKS.values(), "dtype", "device", "global state"}
    assert {topic for due in DUE.values() for topic in due.topics} <= topics
