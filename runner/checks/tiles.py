"""Right at sizes beyond a tile: those that kernels are built of, and those that stand in the code itself."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from runner.checks.budget import FEW, MOST, alone, elements, growth, priced
from runner.checks.dimensions import places
from runner.checks.source import literals
from runner.checks.subject import Subject, check
from runner.diagnose import say
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample
from runner.record import spelled

BLOCKS = (128, 1024, 4096)  # one more than a block of so many shows what a kernel leaves out
SMALLEST, LARGEST = 16, 2**16  # whole numbers in the source that may be the size of a block
MOST_ELEMENTS = 2**17  # of all inputs of a sample together


@check("full")
def beyond_a_tile(subject: Subject) -> Iterator[Outcome]:
    """Each dimension alone one beyond a block, and around every whole number in the source."""
    sizes = sorted({*(block + 1 for block in BLOCKS), *_around(literals(subject))})
    tour = subject.once(f"tiles {sizes}", lambda: _Tour.of(subject, sizes))
    for sample in tour.samples:
        yield from subject.compare(sample, "beyond_a_tile")
    if tour.unvisited:
        yield Outcome(check="beyond_a_tile", broken=say("left_out", what=tour.unvisited), verdict=None)


class _Tour(NamedTuple):
    """The samples to visit, and the sizes that are left out."""

    samples: list[Sample]
    unvisited: list[str]

    @classmethod
    def of(cls, subject: Subject, sizes: Sequence[int]) -> "_Tour":
        """Draw the samples, smaller sizes first, for as long as there is something left to spend."""
        tour, left = cls([], []), float(MOST)
        costs = {place: growth(subject, place) for place in places(subject.spec.shape)}
        for n, place in ((n, place) for n in sizes for place in costs):
            shape = alone(subject, place, n, FEW)
            if shape is None:
                continue
            if costs[place].at(n) > left or elements(subject, shape) > MOST_ELEMENTS:
                tour.unvisited.append(spelled({place[0]: shape[place[0]]}))
                continue
            draw = partial(subject.sample, spelled(shape), subject.small(shape=shape), shape=shape)
            sample, price = priced(draw)
            costs[place] = costs[place].learned(n, price)
            left -= price.total
            tour.samples.extend([sample] if sample else [])
        return tour


def _around(numbers: Iterable[int | float]) -> Iterator[int]:
    for n in numbers:
        if isinstance(n, int) and SMALLEST <= n <= LARGEST:
            yield from (n - 1, n, n + 1)
