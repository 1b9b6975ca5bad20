"""The derivations that mistakes are planted into: every one of the registry, at its formula's example."""

from collections.abc import Iterable

from runner.case.resolve import resolve
from runner.case.spec import Spec
from runner.errors import UserError, unknown
from runner.formula import lookup, names
from runner.selftest.mistake import Target
from runner.settings import Config


def targets(formulas: Iterable[str] = ()) -> list[Target]:
    """Return each derivation of the formulas, of all that have an example by default.

    Raises UserError for a name that is no formula.
    """
    for name in (chosen := list(formulas)):
        if name not in names():
            raise UserError(unknown("formula", name, names()))
    specs = map(specification, chosen or [name for name in names() if lookup(name).example])
    return [
        Target(spec, lookup(spec.formula), lookup(spec.formula).derivations[name])
        for spec in specs
        for name in spec.derivations
    ]


def specification(formula: str) -> Spec:
    """Resolve a formula's example, without checks and without the clock."""
    return resolve(Config(formula=formula))
