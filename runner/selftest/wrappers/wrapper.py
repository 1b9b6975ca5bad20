"""A mistake as a wrapper around a derivation, and how one is registered."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from runner.formula.signature import Function
from runner.selftest.due import Due
from runner.selftest.mistake import Target

Values = dict[str, Any]  # what a derivation is called with, by argument name
Gradients = dict[str, Tensor]
Body = Callable[[Function, Values], Mapping[str, Tensor]]  # the derivation, and what it is called with


@dataclass(frozen=True)
class NotApplicable:
    """A class of mistake that a derivation has no room for."""

    kind: str
    name: str
    why: str


@dataclass(frozen=True)
class Wrapper:
    """One mistake: `planted(target)` returns what is called in place of the derivation, or why there is none.

    It is asked anew for each planted function, so that what it remembers is forgotten with it. `due` is
    what a right diagnosis says of it, where its class does not say that well enough.
    """

    kind: str
    name: str
    planted: Callable[[Target], Function | str]
    due: Due | None = None


WRAPPERS: list[Wrapper] = []


def register(
    kind: str, make: Callable[[Target], Any], planted: Callable[[Target], Function | str], due: Due | None
) -> None:
    """Register a mistake; the docstring of what makes it says what the planted derivation does."""
    sentence = (inspect.getdoc(make) or "").partition("\n")[0].rstrip(".")
    WRAPPERS.append(Wrapper(kind, f"{getattr(make, '__name__', '')}: {sentence}", planted, due))


def wrapper(
    kind: str, due: Due | None = None
) -> Callable[[Callable[[Target], Body | str]], Callable[[Target], Body | str]]:
    """Register what is called in place of a derivation, with it and its arguments."""

    def add(make: Callable[[Target], Body | str]) -> Callable[[Target], Body | str]:
        def planted(target: Target) -> Function | str:
            body = make(target)
            return body if isinstance(body, str) else wrapped(target, body)

        register(kind, make, planted, due)
        return make

    return add


def changed_gradients(
    kind: str, due: Due | None = None
) -> Callable[[Callable[[Tensor, Tensor], Tensor]], Any]:
    """Register a change of each gradient, as a function of the gradient and of its input."""

    def add(change: Callable[[Tensor, Tensor], Tensor]) -> Any:
        @functools.wraps(change)
        def body(target: Target) -> Body | str:
            def called(function: Function, values: Values) -> Gradients:
                found = function(**values)
                return {
                    name: change(grad, values[name]) if grad.numel() else grad for name, grad in found.items()
                }

            return called

        return wrapper(kind, due)(body)

    return add


def wrapped(target: Target, body: Body, renamed: Mapping[str, str] | None = None) -> Function:
    """Return a function that calls `body` with the derivation, its arguments, and every input beside them.

    `renamed` replaces arguments by others: `{"y": "x"}` asks for x where the derivation asks for y.
    """
    function = target.function
    known = inspect.signature(function).parameters
    takes_rest = any(p.kind is p.VAR_KEYWORD for p in known.values())

    def of_its_own(**values: Any) -> Any:
        return function(**{name: v for name, v in values.items() if takes_rest or name in known})

    @functools.wraps(function)
    def planted(**values: Any) -> Mapping[str, Tensor]:
        return body(of_its_own, values)

    asked = [p.replace(name=(renamed or {}).get(p.name, p.name)) for p in known.values()]
    taken = {p.name for p in asked}
    more = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for name in target.case.differentiable
        if name not in taken and not takes_rest
    ]
    ordered = sorted([*asked, *more], key=lambda p: (p.kind, p.default is not p.empty))  # as Python has it
    planted.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    return planted
