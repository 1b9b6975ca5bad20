"""Right at other hyper-parameters than those that were asked for."""

from collections.abc import Iterator

from runner.checks.subject import Subject, check
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample
from runner.record import spelled


@check("full")
def other_params(subject: Subject) -> Iterator[Outcome]:
    """The examples of each domain, which together reach every branch that a hyper-parameter opens."""
    for sample in subject.once("params", lambda: list(_samples(subject))):
        yield from subject.compare(sample, "other_params")


def _samples(subject: Subject) -> Iterator[Sample]:
    formula, given = subject.case.formula, subject.spec.params
    for name in formula.parameters:
        for value in formula.domain_of(name).examples:
            if (type(value), value) == (type(given[name]), given[name]):
                continue
            params = {**given, name: value}
            if sample := subject.sample(spelled({name: value}), subject.small(params=params)):
                yield sample
