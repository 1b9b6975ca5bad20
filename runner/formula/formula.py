"""The record of a formula: its forward, its gradients, and what the runner needs to exercise them."""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

from runner.diagnose import Statement
from runner.errors import FormulaError
from runner.formula.derivation import Derivation
from runner.formula.domain import Domain, like
from runner.formula.edge import Edge, Shape
from runner.formula.example import Example
from runner.formula.signature import Function, Sizes, signature, written
from runner.settings import Precision


@dataclass(frozen=True, kw_only=True)
class Formula:
    """One forward, the gradients derived from it, and what the runner needs to exercise them.

    `outputs` and `saved` name what `forward` returns. `constants` are floating inputs that are held
    fixed; `detached` those of which forward stops part of the gradient on purpose, so that finite
    differences say nothing about them. `deterministic` claims the same bits at every call, where another
    order of a sum would be legal. `domain` is for functions that cannot be annotated. `edges` are
    degenerate cases by name, `example` is the experiment that is run where none is described. `statement`
    is the file's docstring.

    What an author may state beside: `precision`, in which correctness is decided; `tolerance`, a relative
    error that is right in float64, as of a solver that stops; `recomputes`, that derivations call autograd
    themselves, to run a forward again. `remarks` are notes to every gradient; `pairs` are the inputs and
    outputs whose last axis holds the real and imaginary part of a complex number.
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
    deterministic: bool = False
    domain: Mapping[str, Domain] = field(default_factory=dict)
    edges: Mapping[str, Edge] = field(default_factory=dict)
    example: Example | None = None
    precision: Precision = "float64"
    tolerance: float = 0.0
    recomputes: bool = False
    remarks: tuple[Statement, ...] = ()
    pairs: tuple[str, ...] = ()
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
    def functions(self) -> tuple[Function, ...]:
        """Those that may have hyper-parameters; what a later one says of them holds."""
        derived = (derivation.function for derivation in self.derivations.values())
        functions = (self.shapes, self.sample, *derived, self.forward)
        return tuple(function for function in functions if function is not None)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The hyper-parameters and their defaults."""
        return {
            name: default
            for function in self.functions
            for name, default in signature(function).keyword_only.items()
            if default is not inspect.Parameter.empty
        }

    @cached_property
    def domains(self) -> dict[str, Domain]:
        """The values that hyper-parameters may take, as far as that is said: annotated, or in `domain`."""
        annotated = {n: domain for f in self.functions for n, domain in signature(f).domains.items()}
        return {**annotated, **self.domain}

    def domain_of(self, parameter: str) -> Domain:
        """Return the values that a hyper-parameter may take."""
        return self.domains.get(parameter) or like(self.parameters[parameter])

    def sizes(self, shape: Shape, params: Mapping[str, Any]) -> Sizes:
        """Return the size of each input; `shapes` raises ValueError where dimensions do not fit.

        Raises FormulaError for anything but a dict of sizes.
        """
        sizes: Sizes = self.shapes(**signature(self.shapes).pick({**params, **shape}))
        if not isinstance(sizes, Mapping) or not all(map(_is_size, sizes.values())):
            raise FormulaError(
                f"{self.name}: shapes returns {sizes!r}, not a tuple of integers for each input, "
                f"as in {{'x': (2, 3)}} ({written(self.shapes)})"
            )
        if negative := {name: size for name, size in sizes.items() if min(size, default=0) < 0}:
            raise ValueError(f"shapes returns {negative}: a size is >= 0 ({written(self.shapes)})")
        return sizes

    def apply(
        self, function: Function, inputs: Mapping[str, Tensor], params: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Call `forward` or `library`; return outputs and saved intermediates by name.

        Both return a dict, or all that they are to return in the record's order, as a tuple of the values.
        Raises FormulaError for anything else.
        """
        result = function(**signature(function).pick({**params, **inputs}, rest=inputs))
        expected = (*self.outputs, *(self.saved if function is self.forward else ()))
        values = result if isinstance(result, tuple) else (result,)
        if not isinstance(result, Mapping) and len(values) == len(expected):
            result = dict(zip(expected, values, strict=True))
        if (
            not isinstance(result, Mapping)
            or {*expected} - {*result}
            or not _all_tensors(result, self.outputs)
        ):
            raise FormulaError(
                f"{self.name}: {function.__name__} returns {_described(result)}; it must return "
                f"{_wanted(expected)} ({written(function)})"
            )
        return {name: result[name] for name in expected}


def _is_size(size: Any) -> bool:
    return isinstance(size, tuple | list) and all(hasattr(n, "__index__") for n in size)


def _all_tensors(result: Mapping[str, Any], names: Iterable[str]) -> bool:
    return all(isinstance(result[name], Tensor) for name in names)


def _described(result: Any) -> str:
    """Say what a function returned: the types in a tuple, and those in a dict by name."""
    if isinstance(result, Mapping):
        return f"{{{', '.join(f'{name}: {type(value).__name__}' for name, value in result.items())}}}"
    if isinstance(result, tuple):
        return f"a tuple of {len(result)} ({', '.join(type(value).__name__ for value in result)})"
    return type(result).__name__


def _wanted(names: tuple[str, ...]) -> str:
    tuple_of = f"a tuple of {len(names)}" if len(names) > 1 else "one tensor"
    return f"{tuple_of} ({', '.join(names)}), or a dict with these names"
