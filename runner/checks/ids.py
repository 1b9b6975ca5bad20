"""Right however integers are distributed: labels, and ids that choose a row."""

from collections.abc import Iterator

from runner.checks.subject import Subject, check
from runner.formula.draw import DEFAULT_IDS, IDS
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample


@check("full")
def other_ids(subject: Subject) -> Iterator[Outcome]:
    """Integers that repeat as words do, that all choose one row, or that come in order."""
    for sample in subject.once("ids", lambda: list(_samples(subject))):
        yield from subject.compare(sample, "other_ids")


def other_ids_of(subject: Subject) -> list[str]:
    """Return the distributions of integers that the experiment itself does not visit, if it has integers."""
    own = subject.spec.inputs.ids or DEFAULT_IDS
    return [ids for ids in IDS if ids != own] if subject.has_integers else []


def _samples(subject: Subject) -> Iterator[Sample]:
    for ids in other_ids_of(subject):
        if sample := subject.sample(f"ids={ids}", subject.small(inputs={"ids": ids})):
            yield sample
