"""What a judgement says is wrong, looked at again where it can be told better."""

from collections.abc import Iterator
from dataclasses import replace

from runner.checks import generic
from runner.checks.confirm import confirmed
from runner.checks.conjugate import conjugated
from runner.checks.parted import told_apart
from runner.checks.shrink import smallest
from runner.checks.subject import Subject
from runner.diagnose import Statement, say
from runner.judge.judgement import Judgement
from runner.judge.rank import CAUSES

NOTHING = ("unexplained", "within_bound", "rounding_only")
"""Statements that explain nothing."""


def explained(subject: Subject, judgement: Judgement) -> Judgement:
    """Return a judgement whose diagnosis is confirmed: at a generic point, at another shape, in the smallest.

    It costs no call where nothing is wrong. What the derivation raises elsewhere leaves what is known.
    """
    if not judgement.diagnosis or judgement.verdict == "suspect_reference":
        return judgement
    try:
        return replace(judgement, diagnosis=(*_explained(subject, judgement),))
    except Exception:  # a gradient that is wrong may raise at any other point
        return judgement


def _explained(subject: Subject, judgement: Judgement) -> Iterator[Statement]:
    wrt = judgement.wrt
    for i, statement in enumerate(judgement.diagnosis):
        if statement.name == "shapes_by_rule":
            yield told_apart(subject, wrt, statement)
        elif statement.name == "finding":
            yield _of_finding(subject, wrt, statement)
        elif i == 0 and wrt in subject.wrong:
            yield _of_own_point(subject, wrt, statement)
        else:
            yield statement


def _of_own_point(subject: Subject, wrt: str, statement: Statement) -> Statement:
    """Say what it is at a generic point, if upstream gradients of ones may hide that, or nothing is known."""
    if conjugate := conjugated(subject, wrt):
        return conjugate
    sample = None
    shows = any(part.name == "mismatch" for part in statement.within())  # under any upstream gradient
    hides = subject.spec.upstream == "ones" and not shows
    if hides or statement.name in NOTHING:
        sample = generic.sample_of(subject)
    if sample is not None:
        what = subject.diagnosed(sample, wrt, subject.differentiate(sample.case)[wrt])
        if what.name not in (*NOTHING, statement.name):
            return say("at_generic_point", what=confirmed(subject, wrt, what, sample.alone[0]))
    return confirmed(subject, wrt, statement, subject.small())


def _of_finding(subject: Subject, wrt: str, finding: Statement) -> Statement:
    """Confirm the names in a finding, and say which smallest settings show it; a cause shows at any."""
    check, condition = finding.figures["check"], finding.figures["condition"]
    asked = ((check, condition, name) for name in (wrt, ""))
    sample = next((subject.failing[key] for key in asked if key in subject.failing), None)
    if sample is None:
        return finding
    what = confirmed(subject, wrt, finding.figures["what"], next(iter(sample.alone), None))
    alone = None if what.name in CAUSES else smallest(subject, sample, wrt)
    figures = {**finding.figures, "what": what, **({"smallest": alone} if alone else {})}
    return say("finding", **figures)
