"""A backward that lies inside: autograd's engine runs it, as for a module or a function of tensors."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any

import torch
from torch import Tensor

from runner.errors import FormulaError
from runner.formula.raw_backward import SAME_FORWARD, same_result

Evaluate = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A forward: values by name in, results by output name out."""


@dataclass(frozen=True)
class Recorded:
    """A forward that has run on leaves, ready for the engine."""

    results: Mapping[str, Tensor]
    leaves: Mapping[str, Tensor]


class ThroughEngine:
    """An implementation as a derivation: its forward is recorded, and differentiated by the engine."""

    is_recorded = True

    def __init__(
        self,
        evaluate: Evaluate,
        *,
        name: str,
        title: str,
        differentiable: Collection[str],
        outputs: Iterable[str],
        source: Any = None,
        tolerance: float = 0.0,
        compared: bool = True,
    ) -> None:
        self._evaluate, self._differentiable, self._outputs = evaluate, differentiable, tuple(outputs)
        self._title, self._tolerance, self._compared = title, max(tolerance, SAME_FORWARD), compared
        self.__name__, self.__module__ = name, getattr(source, "__module__", __name__)
        if callable(source):
            self.__wrapped__ = source  # where the source is
        self.__signature__ = asks_for(self._outputs)

    def prepare(self, values: Mapping[str, Any], frozen: Collection[str] = ()) -> Recorded:
        """Run forward with recording on, by leaves that share memory with the inputs.

        Raises FormulaError where its results are not those of the reference.
        """
        leaves = {n: values[n].detach().requires_grad_() for n in self._differentiable if n not in frozen}
        results = self.applied({**values, **leaves})
        for name, result in results.items() if self._compared else ():
            same_result(f"{self._title}: {name}", result, values[name], self._tolerance)
        return Recorded({n: result for n, result in results.items() if result.requires_grad}, leaves)

    def __call__(self, prepared: Recorded, **values: Any) -> dict[str, Tensor]:
        """Return the gradients of the leaves, by name; an input that none arrives at is left out."""
        if not prepared.results:
            raise FormulaError(f"{self._title}: no result of its forward is differentiable")
        upstream = [values[f"grad_{name}"] for name in prepared.results]
        found = torch.autograd.grad(
            [*prepared.results.values()],
            [*prepared.leaves.values()],
            upstream,
            retain_graph=True,
            allow_unused=True,
        )
        named = dict(zip(prepared.leaves, found, strict=True))
        return {name: gradient for name, gradient in named.items() if gradient is not None}

    def recorded(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the gradients with a graph of their own, of tensors as they are, which may be leaves."""
        wrt = {n: values[n] for n in self._differentiable if values[n].requires_grad}
        upstream = [values[f"grad_{output}"] for output in self._outputs]
        found = torch.autograd.grad(
            [*self.applied(values).values()],
            [*wrt.values()],
            upstream,
            create_graph=True,
            materialize_grads=True,
        )
        return dict(zip(wrt, found, strict=True))

    def applied(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return what forward makes of the tensors as they are, by output."""
        with torch.enable_grad():
            results = self._evaluate(values)
        return {name: results[name] for name in self._outputs}


def asks_for(outputs: Iterable[str]) -> Signature:
    """Spell out what a derivation that runs forward itself asks for: that, and the upstream gradients."""
    names = ("prepared", *(f"grad_{output}" for output in outputs))
    return Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names])
