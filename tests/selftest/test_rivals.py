"""The rivals are run as their users run them: they accept what is right, and miss what they are known to."""

import pytest

from runner.formula import lookup, names
from runner.selftest.mistake import Mistake
from runner.selftest.rivals import RIVALS, catches
from tests.selftest.planting import target, wrapped


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize(
    ("formula", "derivation"),
    [
        (formula, derivation)
        for formula in ("linear", "softmax", "lstm_step", "cross_entropy")
        for derivation in lookup(formula).derivations
    ],
)
def test_a_right_derivation_is_accepted(rival: str, formula: str, derivation: str) -> None:
    into = target(formula, derivation)
    assert not catches(RIVALS[rival], into, into.function)


@pytest.mark.parametrize(
    ("name", "caught"),
    [
        ("sign", {"gradcheck slow", "gradcheck fast", "allclose"}),
        ("slightly_scaled", set()),  # below gradcheck's rtol of 1e-3 and allclose's of 1e-5
        ("one_for_each_use", {"allclose"}),  # the engine sums it
        ("upstream_in_storage_order", set()),
        ("noise_in_the_last_place", {"gradcheck slow", "gradcheck fast"}),
        ("clamped_input", set()),
    ],
)
def test_what_a_rival_sees(name: str, caught: set[str]) -> None:
    mistake = wrapped("linear", "outer_product", name)
    assert isinstance(mistake, Mistake)
    into = target("linear", "outer_product")
    assert {rival for rival in RIVALS if catches(RIVALS[rival], into, mistake.make())} == caught


def test_every_formula_has_its_target() -> None:
    assert "linear" in names()
    assert target("linear", "outer_product").spec.timing.rounds == 0
