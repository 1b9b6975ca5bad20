"""Wrappers that work at the default of a hyper-parameter alone."""

import functools
import inspect
from collections.abc import Iterator

from runner.formula.signature import Function
from runner.selftest.mistake import Mistake, Target
from runner.selftest.wrappers.wrapper import Gradients, NotApplicable, Values, wrapped

KIND = "parameter ignored"


def ignored(target: Target) -> Iterator[Mistake | NotApplicable]:
    """Yield, for each hyper-parameter that a derivation asks for, one that takes its default instead."""
    parameters = inspect.signature(target.function).parameters
    asked = [name for name in target.formula.parameters if name in parameters]
    for name in asked:
        said = f"{name}: Take its default, whatever it is"
        yield Mistake(KIND, said, said, functools.partial(_make, target, name))
    if not asked:
        yield NotApplicable(KIND, "parameter", "asks for no hyper-parameter")


def _make(target: Target, name: str) -> Function:
    default = target.formula.parameters[name]

    def at_its_default(function: Function, values: Values) -> Gradients:
        gradients: Gradients = function(**{**values, name: default})
        return gradients

    return wrapped(target, at_its_default)
