"""Mistakes that no change of one line makes: wrappers around a derivation that is right.

One file for each thing that is got wrong, found by being here.
"""

import functools
import importlib
import pkgutil
from collections.abc import Iterator

from runner.formula.signature import Function
from runner.selftest.mistake import Mistake, Target
from runner.selftest.wrappers import arguments, defaults
from runner.selftest.wrappers.wrapper import WRAPPERS, NotApplicable, Wrapper, wrapped

__all__ = ["NotApplicable", "mistakes", "wrapped"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def mistakes(target: Target) -> Iterator[Mistake | NotApplicable]:
    """Yield each wrapper around a derivation, or why it does not apply."""
    for one in WRAPPERS:
        refused = one.planted(target)
        if isinstance(refused, str):
            yield NotApplicable(one.kind, one.name, refused)
        else:
            yield Mistake(one.kind, one.name, one.name, functools.partial(_make, target, one), one.due)
    yield from arguments.substitutions(target)
    yield from defaults.ignored(target)


def _make(target: Target, one: Wrapper) -> Function:
    made = one.planted(target)
    assert not isinstance(made, str)
    return made
