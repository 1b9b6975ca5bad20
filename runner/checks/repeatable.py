"""The same arguments give the same bits, whatever was called in between."""

import dataclasses
from collections.abc import Iterator

from torch import Tensor

from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.subject import Subject, Tensors, check, cloned, not_repeated, same_bits
from runner.judge import manual
from runner.judge.judgement import Outcome

TIMES = 3
NAME = "independent_of_history"


@check("quick")
def repeatable(subject: Subject) -> Iterator[Outcome]:
    """Two calls give the same bits, or what another order of a sum makes of them."""
    yield from repeated(subject, subject.case, subject.gradients, subject.trial.gradients)


def repeated(
    subject: Subject, case: Case, one: Tensors, other: Tensors, condition: str = ""
) -> Iterator[Outcome]:
    """Compare two calls on a case. Another order of a sum is a note, unless equal bits are claimed."""
    for outcome in same_bits("repeatable", "not_repeated_bits", one, other):
        said = None if outcome.holds else not_repeated(outcome.wrt, one[outcome.wrt], other.get(outcome.wrt))
        outcome = dataclasses.replace(outcome, condition=condition, broken=said)
        spread = None if outcome.holds else subject.spread(case, outcome.wrt, one, other)
        if spread and spread.is_rounding and not case.formula.deterministic:
            told, ratio = spread.told(outcome.wrt), spread.error / spread.excused
            outcome = dataclasses.replace(outcome, broken=told, ratio=ratio, verdict=None)
        yield outcome


@check("full")
def independent_of_history(subject: Subject) -> Iterator[Outcome]:
    """Neither calls on other inputs, nor other inputs at the same addresses, change a result."""
    spec = subject.small(seed=subject.spec.seed)
    case, other = (case_of(dataclasses.replace(spec, seed=spec.seed + i)) for i in range(2))
    first = subject.differentiate(case)
    kept = cloned(first)
    of_other = cloned(subject.differentiate(other))
    sample = subject.once("after a call", lambda: subject.sample_of("a call after another", other))
    yield from subject.compare(sample, NAME, verdict="invalid")
    yield from same_bits(NAME, "overwritten", kept, first)
    for _ in range(TIMES):
        yield from subject.same(NAME, "history", case, kept, subject.differentiate(case))
    fresh, reused = _at_the_same_address(subject, case, other)
    yield from subject.same(NAME, "address", case, kept, fresh)
    yield from subject.same(NAME, "stale", other, of_other, reused)


def _at_the_same_address(
    subject: Subject, case: Case, other: Case
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Call on a case, then again with another case's numbers written into the same tensors."""
    values = {name: manual.copied(value) for name, value in case.values.items()}
    fresh = cloned(manual.call(case, subject.derivation, values))
    for name, value in other.values.items():
        if isinstance(value, Tensor) and value.shape == values[name].shape:
            values[name].copy_(value)
    return fresh, manual.call(other, subject.derivation, values)
