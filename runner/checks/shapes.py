"""Right at other shapes than the one that was asked for."""

from collections.abc import Iterator
from typing import Any

from runner.case.spec import Spec
from runner.checks.budget import evenly, priced
from runner.checks.dimensions import is_legal, places, resized
from runner.checks.subject import Subject, check
from runner.diagnose import say
from runner.formula import Formula, Shape
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample
from runner.record import spelled

MULTIPLES = (2, 3, 4)
SIZES = (1, 2, 3, 4, 7, 8, 17, 33, 67)  # one, primes, powers of two, and beyond them: a tile's tail


@check("full")
def other_shapes(subject: Subject) -> Iterator[Outcome]:
    """A dimension of 1, primes, unequal and equal sizes, odd tails, and empty where that is meaningful."""
    samples, left_out = subject.once("shapes", lambda: _samples(subject))
    for sample in samples:
        yield from subject.compare(sample, "other_shapes")
    if left_out:
        yield Outcome(check="other_shapes", broken=say("too_many", count=left_out), verdict=None)


def _samples(subject: Subject) -> tuple[list[Sample], int]:
    """Draw as many samples as may be drawn, and count those that are left out."""
    base = subject.small()
    _, price = priced(lambda: subject.sample("", base))
    every = [*shapes(subject.case.formula, base)]
    chosen = evenly(every, price)
    drawn = (subject.sample(_condition(base, s), subject.small(shape=s), shape=s) for s in chosen)
    return [*filter(None, drawn)], len(every) - len(chosen)


def _condition(base: Spec, shape: Shape) -> str:
    return spelled({name: size for name, size in shape.items() if size != base.shape[name]})


def shapes(formula: Formula, spec: Spec) -> Iterator[Shape]:
    """Yield shapes that the formula allows: each dimension changed alone, then all of them together."""
    seen = [dict(spec.shape)]
    for shape in _candidates(formula, spec.shape):
        if shape not in seen and is_legal(formula, shape, spec.params):
            seen.append(shape)
            yield shape


def _candidates(formula: Formula, base: Shape) -> Iterator[dict[str, Any]]:
    for name, size in base.items():
        least = 0 if name in formula.may_be_empty else 1
        for n in (least, *SIZES):
            yield from (resized(base, place, n) for place in places(base) if place[0] == name)
        if isinstance(size, int):  # a formula that takes multiples of a block alone
            yield from ({**base, name: times * size} for times in MULTIPLES)
        if isinstance(size, list):
            lists: tuple[list[int], ...] = ([], size[:-1], size[1:], [*size, 3], [2, *size], [5])
            yield from ({**base, name: changed} for changed in lists)
    for n in (1, 4):  # equal sizes hide a transpose, and a formula may treat them apart
        yield {name: [n] * len(size) if isinstance(size, list) else n for name, size in base.items()}
    for names in ((a, b) for a in base for b in base if a < b):
        yield {**base, **{n: 1 for n in names if isinstance(base[n], int)}}
