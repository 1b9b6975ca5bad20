"""The mistakes that were written by hand: each is one, and the first of each formula is found at its line."""

import pytest

from tests.bench.locate import outcome
from tests.locate.by_hand import MISTAKES
from tests.locate.planted import by_hand, shows

PLANTED = [*by_hand()]
NAMES = dict.fromkeys(mistake.formula for mistake in MISTAKES)
FIRST = [next(one for one in PLANTED if one.target.formula.name == name) for name in NAMES]


def test_there_are_sixty_of_six_formulas() -> None:
    assert (len(PLANTED), len(FIRST)) == (60, 6)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.what)
def test_each_makes_a_gradient_wrong(planted: object) -> None:
    assert shows(planted)  # type: ignore[arg-type]


@pytest.mark.parametrize("planted", FIRST, ids=lambda planted: planted.target.formula.name)
def test_the_first_of_each_formula_is_found(planted: object) -> None:
    found = outcome(planted, taken_out=False)  # type: ignore[arg-type]
    assert found.names(found.answer.places)
    assert found.is_right is not False
