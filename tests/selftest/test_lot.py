"""Which mistakes are drawn, where there is no time for all of them."""

from collections import Counter

import pytest

from runner.formula.signature import Function
from runner.selftest.campaign import EVERYTHING, Lot
from runner.selftest.mistake import Mistake


def never() -> Function:
    """Stand for what makes a mistake: none of these is planted."""
    raise NotImplementedError


FOUND = [
    *(Mistake("scale", f"scale {i}", "", never) for i in range(20)),
    *(Mistake("transpose", f"transpose {i}", "", never) for i in range(2)),
    Mistake("contexts", "contexts 0", "", never),
]


def drawn(lot: Lot, name: str = "mse residual") -> list[str]:
    """Return the names of those that a campaign would judge, were each of them a mistake."""
    counts: Counter[str] = Counter()
    names = []
    for mistake in lot.order(FOUND, name):
        if lot.is_drawn(mistake.kind, counts):
            counts[mistake.kind] += 1
            names.append(mistake.name)
    return names


def test_everything_is_every_mistake_in_its_order() -> None:
    assert drawn(EVERYTHING) == [mistake.name for mistake in FOUND]


@pytest.mark.parametrize(
    ("of_class", "of_derivation", "due"), [(1, 8, 3), (2, 8, 5), (1, 2, 2), (None, 4, 4), (3, None, 6)]
)
def test_no_more_are_drawn_than_asked_for(of_class: int | None, of_derivation: int | None, due: int) -> None:
    found = drawn(Lot(of_class, of_derivation))
    assert len({*found}) == len(found) == due


def test_each_class_has_its_turn_before_another_has_its_second() -> None:
    for seed in range(20):
        found = drawn(Lot(per_derivation=3, seed=seed))
        assert {name.split()[0] for name in found} == {"scale", "transpose", "contexts"}


def test_a_lot_is_the_same_every_time_and_another_for_another_seed_or_derivation() -> None:
    lots = [drawn(Lot(1, 8, seed), name) for seed in range(5) for name in ("a b", "a c")]
    assert lots == [drawn(Lot(1, 8, seed), name) for seed in range(5) for name in ("a b", "a c")]
    assert len({tuple(lot) for lot in lots}) > 5
