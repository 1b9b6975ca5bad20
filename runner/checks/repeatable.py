"""The same arguments give the same bits, whatever was called in between."""

import dataclasses
from collections.abc import Iterator, Mapping

from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.subject import Subject, check
from runner.diagnose import say
from runner.judge import manual
from runner.judge.judgement import Outcome

TIMES = 3
NAME = "independent_of_history"


@check("quick")
def repeatable(subject: Subject) -> Iterator[Outcome]:
    """Two calls give the same bits."""
    yield from _same("repeatable", "not_repeated_bits", subject.gradients, subject.trial.gradients)


@check("full")
def independent_of_history(subject: Subject) -> Iterator[Outcome]:
    """Neither calls on other inputs, nor other inputs at the same addresses, change a result."""
    spec = subject.small(seed=subject.spec.seed)
    case, other = (case_of(dataclasses.replace(spec, seed=spec.seed + i)) for i in range(2))
    first = subject.differentiate(case)
    kept = _cloned(first)
    of_other = _cloned(subject.differentiate(other))
    sample = subject.once("after a call", lambda: subject.sample_of("a call after another", other))
    yield from subject.compare(sample, NAME, verdict="invalid")
    yield from _same(NAME, "overwritten", kept, first)
    for _ in range(TIMES):
        yield from _same(NAME, "history", kept, subject.differentiate(case))
    fresh, reused = _at_the_same_address(subject, case, other)
    yield from _same(NAME, "address", kept, fresh)
    yield from _same(NAME, "stale", of_other, reused)


def _cloned(gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: gradient.clone() for name, gradient in gradients.items()}


def _at_the_same_address(
    subject: Subject, case: Case, other: Case
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Call on a case, then again with another case's numbers written into the same tensors."""
    values = {name: manual.copied(value) for name, value in case.values.items()}
    fresh = _cloned(manual.call(case, subject.derivation, values))
    for name, value in other.values.items():
        if isinstance(value, Tensor) and value.shape == values[name].shape:
            values[name].copy_(value)
    return fresh, manual.call(other, subject.derivation, values)


def _same(
    check: str, statement: str, one: Mapping[str, Tensor], other: Mapping[str, Tensor]
) -> Iterator[Outcome]:
    for wrt, gradient in one.items():
        holds = wrt in other and compare.identical_bits(gradient, other[wrt])
        yield Outcome(check=check, wrt=wrt, broken=None if holds else say(statement, wrt=wrt))
