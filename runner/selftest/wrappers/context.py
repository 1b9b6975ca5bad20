"""A derivation as a `torch.autograd.Function` has it: what forward saves, and what backward makes of that."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from runner.formula.signature import signature
from runner.selftest.mistake import Target
from runner.selftest.wrappers.wrapper import Gradients, Values, register


@dataclass
class Saved:
    """What a context holds between forward and backward."""

    values: Values
    frozen: frozenset[str] = frozenset()
    calls: int = field(default=0)


def copies(values: Values) -> Values:
    """Save every tensor as it is now."""
    return {name: v.clone() if isinstance(v, Tensor) else v for name, v in values.items()}


class Context:
    """A planted derivation with a context: `prepare` is its forward, and calling it is its backward."""

    def __init__(self, target: Target, save: Callable[[Values], Values], backward: "Backward") -> None:
        functools.update_wrapper(self, target.function)
        self._function, self._inputs = target.function, [*target.case.inputs]
        self._save, self._backward = save, backward
        names = ("prepared", *(f"grad_{output}" for output in target.formula.outputs))
        asked = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        self.__signature__ = inspect.Signature(asked)

    def prepare(self, values: Mapping[str, Any], frozen: Collection[str] = ()) -> Saved:
        """Save what backward needs; the inputs that are `frozen` need no gradient."""
        saved = {name: value for name, value in values.items() if not name.startswith("grad_")}
        return Saved(self._save(saved), frozenset(frozen))

    def __call__(self, prepared: Saved, **upstream: Tensor) -> Gradients:
        """Return the gradients of the inputs that need one."""
        prepared.calls += 1
        found = self._backward(functools.partial(self._of, {**prepared.values, **upstream}), prepared)
        return {name: grad for name, grad in found.items() if name not in prepared.frozen}

    def _of(self, values: Values) -> Gradients:
        chosen = signature(self._function).pick(values, rest=self._inputs)
        return dict(self._function(**chosen))


Backward = Callable[[Callable[[], Gradients], Saved], Gradients]
"""From the right backward, on what is saved, and from that, to the gradients."""

Make = Callable[[Target], Context | str]


def context(kind: str) -> Callable[[Make], Make]:
    """Register a derivation with a context, where it takes an upstream gradient."""

    def add(make: Make) -> Make:
        def planted(target: Target) -> Context | str:
            return make(target) if target.kind.takes_upstream else "takes no upstream gradient"

        register(kind, make, planted, None)
        return make

    return add
