"""The names of a factor hold at a second shape too, or they are coincidences of the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose
from typing import Any

from runner.case.spec import Spec
from runner.checks.dimensions import places
from runner.checks.shrink import overrides, resized, size_at
from runner.checks.subject import Subject
from runner.diagnose import Statement, say
from runner.record import spelled

NAMED = ("named", "or_named")
FACTORS = ("off_by_factor", "off_by_unnamed", "one_number", "constant")
"""Statements of a factor that everything is off by; which of them it is depends on the shape."""

OTHERS = (5, 4, 7, 3, 6, 9, 8, 11, 10, 13)  # small and unequal sizes
TIMES = (2, 3, 5, 7, 4, 6, 8)  # for sizes that must divide each other
MOST_NAMES = 3  # that are told
CLOSE = 1e-9  # relatively: a factor is fitted in float64


@dataclass(frozen=True)
class Second:
    """What a gradient is off by at another shape: the names that explain it there, and its value."""

    settings: str
    names: frozenset[str]
    value: float | None

    def confirm(self, part: Statement) -> Statement | None:
        """Return what holds here too of a part that names a factor."""
        if part.name in NAMED:
            names = [name for name in part.figures["names"] if name in self.names]
            return say(part.name, names=names[:MOST_NAMES]) if names else None
        if part.name != "factor" or self.value is None:
            return part
        value, named = float(part.figures["value"]), part.figures["named"]
        if isclose(value, self.value, rel_tol=CLOSE):
            return part
        elsewhere = say("elsewhere", value=self.value, settings=self.settings)
        return say("factor", value=value, named=say("named", **named.figures) if named else elsewhere)


def confirmed(subject: Subject, wrt: str, statement: Statement, base: Spec | None) -> Statement:
    """Return what is said with those names of factors alone that hold at a second shape.

    A factor that is another there, and has no such name, is told with both its values. Where no second shape
    can be drawn, or `base` does not tell of what, names are said to be possible.
    """
    if not any(part.name in ("factor", *NAMED) for part in statement.within()):
        return statement
    second = _second(subject, wrt, statement, base) if base else None
    return statement.changed(second.confirm if second else _perhaps) or statement


def _perhaps(part: Statement) -> Statement:
    return say("perhaps_named", names=part.figures["names"][:MOST_NAMES]) if part.name in NAMED else part


def _second(subject: Subject, wrt: str, statement: Statement, base: Spec) -> Second | None:
    """Diagnose the gradient at the first of the other shapes that can be drawn."""
    for spec in _elsewhere(subject, base):
        sample = subject.sample("a second shape", spec, shape=spec.shape)
        if sample is None:
            continue
        try:
            gradient = subject.differentiate(sample.case)[wrt]
        except Exception:  # then this shape confirms nothing
            continue
        said = subject.diagnosed(sample, wrt, gradient)
        names = _names(said)
        if names and subject.has_integers:  # their number may be a size by chance, at one draw
            names &= _names_at(subject, wrt, replace(spec, seed=spec.seed + 1))
        return Second(spelled(_changes(base, spec)), names, _value(statement, said))
    return None


def _names(said: Statement) -> frozenset[str]:
    return frozenset(n for part in said.within() if part.name in NAMED for n in part.figures["names"])


def _names_at(subject: Subject, wrt: str, spec: Spec) -> frozenset[str]:
    """Return the names that explain what is wrong at a specification."""
    sample = subject.sample("a third draw", spec, shape=spec.shape)
    if sample is None:
        return frozenset()
    return _names(subject.diagnosed(sample, wrt, subject.differentiate(sample.case)[wrt]))


def _value(statement: Statement, second: Statement) -> float | None:
    """Return the factor that stands at the second shape where the first has one; 1 where nothing is wrong."""
    if statement.name in FACTORS and second.name == "within_bound":
        return 1.0
    if second.name != statement.name and not {second.name, statement.name} <= {*FACTORS}:
        return None
    valued = (part for part in second.within() if part.name in ("factor", "off_by_unnamed"))
    return next((float(part.figures["value"]) for part in valued), None)


def _changes(base: Spec, spec: Spec) -> Mapping[str, Any]:
    """Return the sizes and hyper-parameters that differ, by their own names."""
    return {name.partition(".")[2]: value for name, value in overrides(base, spec).items() if "." in name}


def _elsewhere(subject: Subject, base: Spec) -> Iterator[Spec]:
    """Yield specifications with every dimension changed, and numbers that a name may be made of."""
    other = replace(base, seed=base.seed + 1)
    moved = replace(other, params=_other_params(subject, base.params))
    sizes = [size_at(base, place) for place in places(base.shape)]
    unequal = [n for n in OTHERS if n not in sizes]
    multiples = [n * times for n, times in zip(sizes, TIMES, strict=False)]
    for spec in (moved, other):
        for some in (unequal, [*reversed(unequal[: len(sizes)])], multiples):
            if len(some) >= len(sizes):
                yield _with_sizes(spec, some)


def _with_sizes(spec: Spec, sizes: Sequence[int]) -> Spec:
    for place, n in zip(places(spec.shape), sizes, strict=False):
        spec = resized(spec, place, n)
    return spec


def _other_params(subject: Subject, given: Mapping[str, Any]) -> dict[str, Any]:
    """Replace each number that is no whole one by another of its examples."""
    formula = subject.case.formula
    examples = {
        name: [e for e in formula.domain_of(name).examples if type(e) is float and e != given[name]]
        for name in formula.parameters
        if type(given[name]) is float
    }
    return {**given, **{name: values[0] for name, values in examples.items() if values}}
