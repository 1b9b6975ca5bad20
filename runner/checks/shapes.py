"""Right at other shapes than the one that was asked for."""

from collections.abc import Iterator
from typing import Any

from runner.case.spec import Spec
from runner.checks.subject import Subject, check
from runner.formula import Formula, Shape
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

MULTIPLES = (2, 3, 4)
SIZES = (1, 2, 3, 4, 7, 8, 17, 33, 67)  # one, primes, powers of two, and beyond them: a tile's tail


@check("full")
def other_shapes(subject: Subject) -> Iterator[Outcome]:
    """A dimension of 1, primes, unequal and equal sizes, odd tails, and empty where that is meaningful."""
    for sample in subject.once("shapes", lambda: list(_samples(subject))):
        yield from subject.compare(sample, "other_shapes")


def _samples(subject: Subject) -> Iterator[Sample]:
    base = subject.small()
    for shape in shapes(subject.case.formula, base):
        spec = subject.small(shape=shape)
        condition = " ".join(f"{n}={str(s).replace(' ', '')}" for n, s in shape.items() if s != base.shape[n])
        if sample := subject.sample(condition, spec, shape=shape):
            yield sample


def shapes(formula: Formula, spec: Spec) -> Iterator[Shape]:
    """Yield shapes that the formula allows: each dimension changed alone, then all of them together."""
    seen = [dict(spec.shape)]
    for shape in _candidates(formula, spec.shape):
        if shape not in seen and _allowed(formula, shape, spec.params):
            seen.append(shape)
            yield shape


def _candidates(formula: Formula, base: Shape) -> Iterator[dict[str, Any]]:
    for name, size in base.items():
        least = 0 if name in formula.may_be_empty else 1
        for n in (least, *SIZES):
            yield from resized(base, name, n)
        if isinstance(size, int):  # a formula that takes multiples of a block alone
            yield from ({**base, name: times * size} for times in MULTIPLES)
        if isinstance(size, list):
            lists: tuple[list[int], ...] = ([], size[:-1], size[1:], [*size, 3], [2, *size], [5])
            yield from ({**base, name: changed} for changed in lists)
    for n in (1, 4):  # equal sizes hide a transpose, and a formula may treat them apart
        yield {name: [n] * len(size) if isinstance(size, list) else n for name, size in base.items()}
    for names in ((a, b) for a in base for b in base if a < b):
        yield {**base, **{n: 1 for n in names if isinstance(base[n], int)}}


def resized(base: Shape, name: str, n: int) -> Iterator[dict[str, Any]]:
    """Yield a shape with one dimension replaced, or with each size of a list of them in turn."""
    size = base[name]
    if isinstance(size, list):
        yield from ({**base, name: [*size[:i], n, *size[i + 1 :]]} for i in range(len(size)))
    else:
        yield {**base, name: n}


def _allowed(formula: Formula, shape: Shape, params: Any) -> bool:
    try:
        formula.sizes(shape, params)
    except ValueError:
        return False
    return True
