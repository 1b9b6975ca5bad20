"""The record of a formula: its forward, its gradients, and what the runner needs to exercise them."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

from runner.errors import FormulaError
from runner.formula.derivation import Derivation
from runner.formula.domain import Domain, like
from runner.formula.edge import Edge, Shape
from runner.formula.example import Example
from runner.formula.signature import Function, Sizes, signature


@dataclass(frozen=True, kw_only=True)
class Formula:
    """One forward, the gradients derived from it, and what the runner needs to exercise them.

    `outputs` and `saved` name what `forward` returns. `constants` are floating inputs that are held
    fixed; `detached` those of which forward stops part of the gradient on purpose, so that finite
    differences say nothing about them. `edges` are degenerate cases by name, `example` is the experiment
    that is run where none is described. `statement` is the file's docstring.
    """

    name: str
    shapes: Function
    forward: Function
    derivations: Mapping[str, Derivation]
    library: Function | None = None
    sample: Function | None = None
    outputs: tuple[str, ...] = ("y",)
    saved: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    detached: tuple[str, ...] = ()
    edges: Mapping[str, Edge] = field(default_factory=dict)
    example: Example | None = None
    latex: str = ""
    source: str = ""
    statement: str = ""

    @property
    def dimensions(self) -> Mapping[str, Any]:
        """The keys that `shape:` may have, with their defaults."""
        return {
            name: default
            for name, default in signature(self.shapes).positional.items()
            if name not in self.parameters
        }

    @cached_property
    def may_be_empty(self) -> frozenset[str]:
        """The dimensions for which 0 is meaningful: those that are 0 in one of the edges."""
        stated = [item for edge in self.edges.values() if edge.raises is None for item in edge.shape.items()]
        return frozenset(name for name, size in stated if size == 0 or (isinstance(size, list) and 0 in size))

    @property
    def _functions(self) -> tuple[Function, ...]:
        """Those that may have hyper-parameters; what a later one says of them holds."""
        derived = (derivation.function for derivation in self.derivations.values())
        functions = (self.shapes, self.sample, *derived, self.forward)
        return tuple(function for function in functions if function is not None)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The hyper-parameters and their defaults."""
        return {
            name: default
            for function in self._functions
            for name, default in signature(function).keyword_only.items()
            if default is not inspect.Parameter.empty
        }

    @cached_property
    def domains(self) -> dict[str, Domain]:
        """The values that hyper-parameters may take, as far as they are annotated."""
        return {n: domain for f in self._functions for n, domain in signature(f).domains.items()}

    def domain_of(self, parameter: str) -> Domain:
        """Return the values that a hyper-parameter may take."""
        return self.domains.get(parameter) or like(self.parameters[parameter])

    def sizes(self, shape: Shape, params: Mapping[str, Any]) -> Sizes:
        """Return the size of each input; `shapes` raises ValueError where dimensions do not fit."""
        sizes: Sizes = self.shapes(**signature(self.shapes).pick({**params, **shape}))
        return sizes

    def apply(
        self, function: Function, inputs: Mapping[str, Tensor], params: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Call `forward` or `library`; return outputs and saved intermediates by name."""
        result = function(**signature(function).pick({**params, **inputs}, rest=inputs))
        if not isinstance(result, Mapping):
            result = dict(zip(self.outputs, result if isinstance(result, tuple) else (result,), strict=True))
        expected = (*self.outputs, *(self.saved if function is self.forward else ()))
        if missing := [name for name in expected if name not in result]:
            raise FormulaError(
                f"{self.name}: {function.__name__} returns {', '.join(result)} and lacks "
                f"{', '.join(missing)}, which the record names as output or saved"
            )
        return {name: result[name] for name in expected}
