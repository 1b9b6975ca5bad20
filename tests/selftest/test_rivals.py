"""The rivals are run as their users run them: they accept what is right, and miss what they are known to."""

import pytest

from runner.formula import lookup, names
from runner.selftest.mistake import Mistake
from runner.selftest.rivals import RIVALS, Rivals, _with_normal_numbers, applies, rejects
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
    assert not applies(rival, into) or not rejects(rival, into, into.function)


GRADCHECK = {"gradcheck slow", "gradcheck fast"}
GRADGRADCHECK = {"gradgradcheck slow", "gradgradcheck fast"}
IN_THE_DTYPE = {"allclose", "2x rule"}


@pytest.mark.parametrize(
    ("name", "caught"),
    [
        ("sign", GRADCHECK | IN_THE_DTYPE),  # whose derivative is that of a gradient, of another function
        ("slightly_scaled", set()),  # below gradcheck's rtol of 1e-3 and allclose's of 1e-5
        ("one_for_each_use", IN_THE_DTYPE),  # the engine sums it
        ("upstream_in_storage_order", set()),
        ("noise_in_the_last_place", GRADCHECK | {"2x rule"}),
        ("clamped_input", GRADGRADCHECK),  # which needs a graph, and in-place work has none
        ("constant_upstream", GRADGRADCHECK),
        ("bfloat16_inside", {*RIVALS}),
    ],
)
def test_what_a_rival_sees(name: str, caught: set[str]) -> None:
    mistake = wrapped("linear", "outer_product", name)
    assert isinstance(mistake, Mistake)
    into = target("linear", "outer_product")
    assert {rival for rival in RIVALS if rejects(rival, into, mistake.make())} == caught


def test_gradgradcheck_has_nothing_to_say_of_what_cannot_be_differentiated_again() -> None:
    jacobian = target("softmax", "jacobian")
    assert {rival for rival in RIVALS if applies(rival, jacobian)} == {*RIVALS} - GRADGRADCHECK


def test_a_rival_is_asked_at_normal_numbers() -> None:
    uniform = target("linear_mse", "outer_product")
    assert uniform.spec.upstream == "ones"
    asked = _with_normal_numbers(uniform).spec
    assert (asked.upstream, asked.inputs.distribution) == ("normal", "normal")


def test_what_is_known_of_the_right_one_is_forgotten_with_the_rivals() -> None:
    rivals, into = Rivals(), target("relu", "input_mask")
    assert not rivals.reject_the_right_one("allclose", into)
    assert len(rivals.wrong) == 1
    assert not Rivals().wrong


def test_every_formula_has_its_target() -> None:
    assert "linear" in names()
    assert target("linear", "outer_product").spec.timing.level == "off"
