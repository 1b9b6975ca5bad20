"""A planted derivation with a context, used as training does: two at once, one twice, inputs frozen."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from runner.errors import reason
from runner.formula.signature import Function
from runner.selftest.measure import Measured, as_derivation, differs, result

Found = tuple[str, str]  # the way of using it, and what differs


def used_otherwise(function: Function, one: Measured, other: Measured) -> Found | None:
    """Return the first way of using contexts that shows a mistake; None for a derivation without them."""
    if not hasattr(function, "prepare"):
        return None
    ways = (*_between(function, one, other), *_frozen(function, one))
    return next(((way, what) for way, run in ways if (what := _said(run))), None)


def _said(run: Callable[[], str]) -> str:
    try:
        return run()
    except Exception as error:  # whatever a planted derivation raises is its result
        return f"raises {reason(error)}"


def _between(function: Function, one: Measured, other: Measured) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "two live contexts", partial(_two_live, function, one, other)
    yield "backward twice", partial(_twice, function, one)
    yield "an input written to in between", partial(_written_to, function, one)


def _two_live(function: Function, one: Measured, other: Measured) -> str:
    planted, values = as_derivation(function), one.probe.values()
    first = planted.bound(values, one.probe.case.inputs)
    planted.bound(other.probe.values(), other.probe.case.inputs)
    return differs(result(planted, first), one)


def _twice(function: Function, one: Measured) -> str:
    planted, values = as_derivation(function), one.probe.values()
    bound = planted.bound(values, one.probe.case.inputs)
    result(planted, bound)
    return differs(result(planted, bound), one)


def _written_to(function: Function, one: Measured) -> str:
    """Write to the inputs after forward: PyTorch refuses what it has saved itself, and nothing else."""
    planted, values = as_derivation(function), one.probe.values()
    bound = planted.bound(values, one.probe.case.inputs)
    for name in one.probe.case.differentiable:
        values[name].mul_(2)
    return differs(result(planted, bound), one)


def _frozen(function: Function, one: Measured) -> Iterator[tuple[str, Callable[[], str]]]:
    """Freeze each input by itself, and all but each."""
    names = one.probe.case.differentiable
    patterns = [{name} for name in names] + [{*names} - {name} for name in names]
    for frozen in (some for some in patterns if 0 < len(some) < len(names)):
        yield f"{' and '.join(sorted(frozen))} frozen", partial(_with_frozen, function, one, frozen)


def _with_frozen(function: Function, one: Measured, frozen: set[str]) -> str:
    values: Mapping[str, Any] = one.probe.values()
    grads = {name: value for name, value in values.items() if name.startswith("grad_")}
    prepared = function.prepare(values, frozen=frozen)  # type: ignore[attr-defined]
    found = result(as_derivation(function), partial(function, prepared, **grads))
    return differs(found, one.without(frozen))
