"""What a check may spend on its samples: counted, not timed, so that every machine visits the same ones.

The unit is what one core does in a nanosecond or so: an element is three, as it is read, written, and
often fetched from memory, and to dispatch an operation takes as long as to move a thousand of them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from runner.checks.dimensions import Place, capped, is_legal, resized
from runner.checks.subject import Subject
from runner.formula.edge import Shape
from runner.judge.counting import Counting

MOST = 2**26  # for all samples of a check together; with what derivation and bounds take, a few times that
CALL, MOVED, FLOP = 4096, 3, 1 / 16
PROBES = (4, 8, 32, 128)  # where it is counted what a dimension costs
MOST_PROBED = MOST / 8
FEW = 2  # the size of the others

T = TypeVar("T")


class Price(NamedTuple):
    """What a call costs: to dispatch its operations, and to move and multiply numbers."""

    calls: float
    numbers: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.calls + self.numbers


def priced(draw: Callable[[], T]) -> tuple[T, Price]:
    """Return what a function returns, and what it cost."""
    with Counting() as counted:
        result = draw()
    return result, Price(CALL * counted.calls, MOVED * counted.moved + FLOP * counted.flops)


def evenly(items: Sequence[T], price: Price, samples: int = 1) -> list[T]:
    """Return as many of some items as so many samples at a price may be drawn of each, from all over them."""
    many = min(len(items), max(1, int(MOST / samples / max(price.total, 1))))
    return [items[i * len(items) // many] for i in range(many)]


@dataclass(frozen=True)
class Growth:
    """What a sample costs as one dimension grows: powers of its size, by the two largest that are known."""

    known: tuple[tuple[int, Price], ...] = ()

    def at(self, n: int) -> float:
        """Return what a size should cost: in proportion where one size is known, nothing where none is."""
        if not self.known:
            return 0.0
        (less, before), (last, price) = self.known[-2:] if len(self.known) > 1 else self.known * 2
        return sum(_grown(b, p, less, last, n) for b, p in zip(before, price, strict=True))

    def learned(self, n: int, price: Price) -> "Growth":
        """Return what is known with one more size, larger than those before."""
        return Growth((*self.known, (n, price)))


def _grown(before: float, price: float, less: int, last: int, n: int) -> float:
    """Return the cost at a size by the power law through two others."""
    if not before or price <= before:
        return price * (n / last if less == last else 1)
    return float(price * (n / last) ** (math.log(price / before) / math.log(last / less)))


def growth(subject: Subject, place: Place) -> Growth:
    """Return what truth costs along one dimension, counted at small sizes with the others few."""
    found: Growth = subject.once(f"growth of {place}", lambda: _probed(subject, place))
    return found


def _probed(subject: Subject, place: Place) -> Growth:
    found = Growth()
    for n in PROBES:
        shape = alone(subject, place, n, FEW)
        if shape and (len(found.known) < 2 or found.at(n) < MOST_PROBED):
            sample, price = priced(partial(subject.sample, "", subject.small(shape=shape)))
            found = found.learned(n, price) if sample else found
    return found


def alone(subject: Subject, place: Place, n: int, few: int) -> Shape | None:
    """Return a shape with one dimension of a size, and the others few, or as they are if they must be."""
    formula, params = subject.case.formula, subject.spec.params
    small = {name: capped(size, few) for name, size in subject.spec.shape.items()}
    shapes = (resized(base, place, n) for base in (small, subject.small().shape))
    return next((shape for shape in shapes if is_legal(formula, shape, params)), None)


def elements(subject: Subject, shape: Shape) -> int:
    """Return how many there are in the inputs, or in their derivative by each other."""
    sizes = subject.case.formula.sizes(shape, subject.spec.params).values()
    return int(sum(map(math.prod, sizes)) ** subject.derivation.kind.order)
