"""Sums that are long enough to show in which order they are added up."""

from collections.abc import Iterator
from contextlib import suppress

from runner.case.case import Case
from runner.case.spec import Spec, case_of
from runner.checks.budget import alone, elements, growth
from runner.checks.dimensions import Place, places
from runner.checks.repeatable import repeated
from runner.checks.subject import Subject, Tensors, check, cloned, raised, same_bits
from runner.judge.judgement import Outcome
from runner.record import spelled

LENGTHS = (1024, 64)  # terms, as of atomic additions into one place; the fewer where that is too large
FEW = 4  # the size of the other dimensions
MOST_ELEMENTS = 2**16  # of all inputs together
MOST_COST = 2**24  # of truth, as a budget has it
CALLS = 2  # beside the first


@check("full")
def order_of_sums(subject: Subject) -> Iterator[Outcome]:
    """Calls in the experiment's dtype give the same bits along every dimension, or what rounding explains."""
    found = [
        outcome for condition, _, case in long_sums(subject) for outcome in _calls(subject, condition, case)
    ]
    yield from (outcome for outcome in found if not outcome.broken or not outcome.holds)
    notes = sorted((outcome for outcome in found if outcome.broken and outcome.holds), key=_nearest)
    yield from {outcome.wrt: outcome for outcome in notes}.values()


def _nearest(outcome: Outcome) -> float:
    return outcome.ratio or 0.0


def _calls(subject: Subject, condition: str, case: Case) -> Iterator[Outcome]:
    try:
        first = cloned(subject.differentiate(case))
        calls = [subject.differentiate(case) for _ in range(CALLS)]
    except Exception as error:  # which tells nothing of sums, but of the size
        yield raised(error, "beyond_a_tile", condition=condition)
        return
    other = next((call for call in calls if not _same(first, call)), first)
    yield from repeated(subject, case, first, other, condition)


def _same(one: Tensors, other: Tensors) -> bool:
    return all(outcome.holds for outcome in same_bits("", "other_bits", one, other))


def long_sums(subject: Subject) -> list[tuple[str, Spec, Case]]:
    """Return cases in the experiment's dtype with one dimension long, drawn once."""
    found: list[tuple[str, Spec, Case]] = subject.once("long sums", lambda: list(_cases(subject)))
    return found


def _cases(subject: Subject) -> Iterator[tuple[str, Spec, Case]]:
    """Make each dimension long alone, or as long as the number of elements allows."""
    every = places(subject.spec.shape) if subject.derivation.kind.order == 1 else ()
    for place in (place for place in every if not place[1]):  # of a list of sizes the first
        if sized := _longest(subject, place):
            yield sized


def _longest(subject: Subject, place: Place) -> tuple[str, Spec, Case] | None:
    cost = growth(subject, place)
    for length in LENGTHS:
        shape = alone(subject, place, length, FEW)
        if shape and cost.at(length) <= MOST_COST and elements(subject, shape) <= MOST_ELEMENTS:
            spec = subject.small(shape=shape, dtype=subject.spec.dtype)
            with suppress(Exception):  # what forward refuses is no fault of the derivation
                return spelled(shape), spec, case_of(spec)
    return None
