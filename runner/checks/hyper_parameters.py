"""Right at other hyper-parameters than those that were asked for."""

from collections.abc import Iterator, Mapping
from itertools import combinations, islice
from typing import Any

from runner.checks.subject import Subject, check
from runner.formula import Formula, Shape
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample
from runner.record import spelled

MOST_PAIRS = 12
UNEQUAL = (5, 7, 3, 4, 6)


@check("full")
def other_params(subject: Subject) -> Iterator[Outcome]:
    """The examples of each domain, which together reach every branch that a hyper-parameter opens."""
    for sample in subject.once("params", lambda: list(_samples(subject))):
        yield from subject.compare(sample, "other_params")


def _samples(subject: Subject) -> Iterator[Sample]:
    """Draw a case for each other value, alone and at unequal sizes, and for pairs of other values."""
    given = subject.spec.params
    others = [*_others(subject.case.formula, given)]
    for name, value in others:
        yield from _at(subject, {name: value}, subject.small().shape)
        if unequal := _unequal(subject):
            yield from _at(subject, {name: value}, unequal)
    pairs = ((one, other) for one, other in combinations(others, 2) if one[0] != other[0])
    for pair in islice(pairs, MOST_PAIRS):
        yield from _at(subject, dict(pair), subject.small().shape)


def _others(formula: Formula, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in formula.parameters:
        for value in formula.domain_of(name).examples:
            if (type(value), value) != (type(given[name]), given[name]):
                yield name, value


def _at(subject: Subject, changes: Mapping[str, Any], shape: Shape) -> Iterator[Sample]:
    spec = subject.small(params={**subject.spec.params, **changes}, shape=shape)
    elsewhere = "" if shape == subject.small().shape else f" at {spelled(shape)}"
    if sample := subject.sample(spelled(changes) + elsewhere, spec):
        yield sample


def _unequal(subject: Subject) -> Shape | None:
    """Return the small shape with no two sizes alike, where a formula takes it and its own has some."""
    own = subject.small().shape
    numbers = [size for size in own.values() if isinstance(size, int)]
    if len({*numbers}) == len(numbers):
        return None
    sizes = iter(UNEQUAL)
    shape = {name: next(sizes, 2) if isinstance(size, int) else size for name, size in own.items()}
    try:
        subject.case.formula.sizes(shape, subject.spec.params)
    except ValueError:
        return None
    return shape
