"""Right at sizes beyond a tile: those that kernels are built of, and those that stand in the code itself."""

from collections.abc import Iterable, Iterator, Sequence
from math import prod

from runner.checks.shapes import resized
from runner.checks.source import literals
from runner.checks.subject import Subject, capped, check
from runner.formula.edge import Shape
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample
from runner.record import spelled

BLOCKS = (128, 1024, 4096)  # one more than a block of so many shows what a kernel leaves out
SMALLEST, LARGEST = 16, 2**16  # whole numbers in the source that may be the size of a block
MOST_ELEMENTS = 2**17  # of all inputs of a sample together
FEW = 2  # the size of the other dimensions


@check("full")
def beyond_a_tile(subject: Subject) -> Iterator[Outcome]:
    """Each dimension alone one beyond a block, and around every whole number in the source."""
    sizes = sorted({*(block + 1 for block in BLOCKS), *_around(literals(subject))})
    for sample in subject.once(f"tiles {sizes}", lambda: list(_samples(subject, sizes))):
        yield from subject.compare(sample, "beyond_a_tile")


def _samples(subject: Subject, sizes: Sequence[int]) -> Iterator[Sample]:
    formula, base = subject.case.formula, subject.spec
    for shape in _shapes(subject, sizes):
        try:
            elements = sum(map(prod, formula.sizes(shape, base.params).values()))
        except ValueError:  # these dimensions do not fit each other
            continue
        if elements**subject.derivation.kind.order > MOST_ELEMENTS:
            continue
        if sample := subject.sample(spelled(shape), subject.small(shape=shape), shape=shape):
            yield sample


def _shapes(subject: Subject, sizes: Sequence[int]) -> Iterator[Shape]:
    small = {name: capped(size, FEW) for name, size in subject.spec.shape.items()}
    for name in small:
        for n in sizes:
            for shape in resized(small, name, n):
                own = {**subject.small().shape, name: shape[name]}  # where the others may not be as few
                yield next((some for some in (shape, own) if _is_legal(subject, some)), shape)


def _is_legal(subject: Subject, shape: Shape) -> bool:
    try:
        subject.case.formula.sizes(shape, subject.spec.params)
    except ValueError:
        return False
    return True


def _around(numbers: Iterable[int | float]) -> Iterator[int]:
    for n in numbers:
        if isinstance(n, int) and SMALLEST <= n <= LARGEST:
            yield from (n - 1, n, n + 1)
