"""Mistakes that no change of one line makes: wrappers around a derivation that is right."""

import functools
from collections.abc import Iterator

from runner.formula.signature import Function
from runner.selftest.mistake import Mistake, Target
from runner.selftest.wrappers import arguments, calls, contract, numbers, precision
from runner.selftest.wrappers.wrapper import WRAPPERS, NotApplicable, Wrapper, wrapped

__all__ = ["NotApplicable", "arguments", "calls", "contract", "mistakes", "numbers", "precision", "wrapped"]


def mistakes(target: Target) -> Iterator[Mistake | NotApplicable]:
    """Yield each wrapper around a derivation, or why it does not apply."""
    for one in WRAPPERS:
        body = one.body(target)
        if isinstance(body, str):
            yield NotApplicable(one.kind, one.name, body)
        else:
            yield Mistake(one.kind, one.name, one.name, functools.partial(_make, target, one))
    yield from arguments.substitutions(target)


def _make(target: Target, one: Wrapper) -> Function:
    body = one.body(target)
    assert not isinstance(body, str)
    return wrapped(target, body)
