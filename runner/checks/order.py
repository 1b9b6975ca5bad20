"""Sums that are long enough to show in which order they are added up."""

from collections.abc import Iterator
from math import prod

from runner.case.case import Case
from runner.case.spec import Spec, case_of
from runner.checks.repeatable import repeated
from runner.checks.shapes import resized
from runner.checks.subject import Subject, Tensors, capped, check, cloned, same_bits
from runner.judge.judgement import Outcome
from runner.record import spelled

LONG = 1024  # terms, as of atomic additions into one place
FEW = 4  # the size of the other dimensions
MOST_ELEMENTS = 2**14  # of all inputs together
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
    first = cloned(subject.differentiate(case))
    calls = [subject.differentiate(case) for _ in range(CALLS)]
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
    formula, order = subject.case.formula, subject.derivation.kind.order
    small = {name: capped(size, FEW) for name, size in subject.spec.shape.items()}
    for name in small if order == 1 else ():
        for length in (LONG, LONG // 16):
            shape = next(resized(small, name, length), small)
            try:
                sizes = formula.sizes(shape, subject.spec.params)
                spec = subject.small(shape=shape, dtype=subject.spec.dtype)
                case = case_of(spec)
            except Exception:  # what forward refuses is no fault of the derivation
                continue
            if sum(map(prod, sizes.values())) <= MOST_ELEMENTS:
                yield spelled(shape), spec, case
                break
