"""A derivation to plant mistakes into, without the rest of a self-test."""

from functools import cache

from runner.formula.signature import Function
from runner.selftest import mutate, wrappers
from runner.selftest.equivalence import Laboratory
from runner.selftest.mistake import Mistake, Target
from runner.selftest.targets import targets


@cache
def target(formula: str, derivation: str) -> Target:
    (found,) = (one for one in targets([formula]) if one.derivation.name == derivation)
    return found


@cache
def laboratory(formula: str, derivation: str) -> Laboratory:
    return Laboratory(target(formula, derivation))


def source_mistakes(formula: str, derivation: str) -> list[Mistake]:
    into = target(formula, derivation)
    return list(mutate.mistakes(into, iter([into.case])))


def wrapped(formula: str, derivation: str, name: str) -> Mistake | wrappers.NotApplicable:
    (found,) = (
        one for one in wrappers.mistakes(target(formula, derivation)) if one.name.partition(":")[0] == name
    )
    return found


def shown_by(formula: str, derivation: str, function: Function) -> str:
    """Return the probe that shows a planted derivation to be wrong, or nothing."""
    bench = laboratory(formula, derivation)
    difference = bench.difference(lambda: function, bench.target.spec.params)
    return difference.probe if difference else ""
