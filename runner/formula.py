"""The contract between the mathematics and the runner: the Formula record, register(), lookup().

A file in `experiments/` states a formula and ends with `register(...)`. Its name is the file's name,
and everything in it is matched by argument name, never by position:

    shapes(m, n)                    -> {input: size}, in the order in which inputs are drawn
    sample(rng, m, n)               -> {input: tensor}, those that `shapes` alone cannot describe
    forward(x, W, *, eps=1e-5)      -> y, or {output or saved intermediate: tensor}
    derivation(grad_y, x, mean)     -> {input: gradient}
    jacobian(x, W)                  -> {input: full Jacobian, of shape output + input}

The positional arguments of `forward` are the inputs (with a default of None, an optional one), its
keyword-only arguments the hyper-parameters. `shapes`, `sample` and the derivations may ask for any
hyper-parameter by name, and may add keyword-only ones of their own. `**rest` takes the inputs that a
formula of any depth cannot name.
"""

import importlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from runner.contract import validate
from runner.domain import Domain, above, at_least, between, integer, like, one_of, optional
from runner.draw import Draw
from runner.errors import FormulaError, unknown
from runner.signature import Function, signature

__all__ = [
    "Domain", "Draw", "Edge", "Formula", "above", "at_least", "between", "integer", "lookup", "names",
    "one_of", "optional", "register",
]  # fmt: skip

Shape = Mapping[str, int | list[int]]


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A degenerate case that a formula claims to get right, as a change to any experiment of it.

    `shape` and `params` replace settings; `inputs` is a function that takes inputs by name and returns
    those that it replaces. Where `raises` is set, forward refuses the case with that exception. At a
    `kink` inputs tie, and the smallest change of one would take another branch.
    """

    shape: Shape = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Function | None = None
    raises: type[Exception] | None = None
    kink: bool = False


@dataclass(frozen=True, kw_only=True)
class Formula:
    """One forward, the gradients derived from it, and what the runner needs to exercise them.

    `outputs` and `saved` name what `forward` returns. `constants` are floating inputs that are held
    fixed; `detached` those of which forward stops part of the gradient on purpose, so that finite
    differences say nothing about them. `may_be_empty` are the dimensions for which 0 is meaningful;
    `domain` says which values a hyper-parameter may take; `edges` are degenerate cases by name.
    `statement` is the file's docstring.
    """

    name: str
    shapes: Function
    forward: Function
    gradients: Mapping[str, Function]
    jacobians: Mapping[str, Function] = field(default_factory=dict)
    library: Function | None = None
    sample: Function | None = None
    outputs: tuple[str, ...] = ("y",)
    saved: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    detached: tuple[str, ...] = ()
    may_be_empty: tuple[str, ...] = ()
    domain: Mapping[str, Domain] = field(default_factory=dict)
    edges: Mapping[str, Edge] = field(default_factory=dict)
    latex: str = ""
    source: str = ""
    statement: str = ""

    @property
    def derivations(self) -> dict[str, Function]:
        """Gradients and explicit Jacobians, by name."""
        return {**self.gradients, **self.jacobians}

    @property
    def dimensions(self) -> Mapping[str, Any]:
        """The keys that `shape:` may have, with their defaults."""
        return {
            name: default
            for name, default in signature(self.shapes).positional.items()
            if name not in self.parameters
        }

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The hyper-parameters and their defaults."""
        functions = (self.shapes, self.sample, *self.derivations.values(), self.forward)
        return {
            name: default
            for function in functions
            if function is not None
            for name, default in signature(function).keyword_only.items()
            if default is not inspect.Parameter.empty
        }

    def domain_of(self, parameter: str) -> Domain:
        """Return the values that a hyper-parameter may take."""
        return self.domain.get(parameter) or like(self.parameters[parameter])

    def sizes(self, shape: Shape, params: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        """Return the size of each input; `shapes` raises ValueError where dimensions do not fit."""
        sizes: dict[str, tuple[int, ...]] = self.shapes(**signature(self.shapes).pick({**params, **shape}))
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

    def prepare(self, derivation: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Add to `values` what a derivation makes for itself beforehand, off the clock and free to record.

        A derivation with an attribute `prepare(values)` receives the result as its argument `prepared`.
        """
        make = getattr(self.derivations[derivation], "prepare", None)
        return {**values, "prepared": make(values)} if make else {**values}

    def differentiate(
        self, derivation: str, values: Mapping[str, Any], inputs: Iterable[str]
    ) -> dict[str, Tensor]:
        """Call a derivation with what it asks for; return gradients by input name.

        `values` holds inputs, outputs, saved intermediates, hyper-parameters and `grad_<output>`;
        `inputs` are the names that `**rest` receives. Raises FormulaError for anything but a dict.
        """
        function = self.derivations[derivation]
        result = function(**signature(function).pick(values, rest=inputs))
        if not isinstance(result, Mapping):
            raise FormulaError(
                f"{self.name}: {derivation} returns {type(result).__name__}, not {{input: gradient}}"
            )
        return {name: gradient for name, gradient in result.items() if gradient is not None}


_registry: dict[str, Formula] = {}


def register(
    *,
    gradients: Iterable[Function],
    jacobians: Iterable[Function] = (),
    name: str | None = None,
    **record: Any,
) -> Formula:
    """Validate a formula and add it to the registry.

    `gradients` and `jacobians` are functions; the name of each is the name of the derivation. The
    formula is named after its file unless `name` says otherwise. Raises FormulaError, which names
    what was received and what there is, when the pieces do not fit together.
    """
    forward = record["forward"]
    formula = Formula(
        name=name or forward.__module__.rpartition(".")[2],
        gradients=_by_name(gradients),
        jacobians=_by_name(jacobians),
        statement=inspect.getdoc(inspect.getmodule(forward)) or "",
        **record,
    )
    validate(formula)
    owner = registered().get(formula.name) or _modules().get(formula.name, forward.__module__)
    if formula.name in _registry or owner != forward.__module__:
        raise FormulaError(
            f"formula {formula.name!r} of {forward.__module__}: the name is taken, by {owner}; "
            "rename the file, or give register another name=..."
        )
    _registry[formula.name] = formula
    return formula


def registered() -> dict[str, str]:
    """Return the formulas imported so far, each with the module that it comes from."""
    return {name: formula.forward.__module__ for name, formula in _registry.items()}


def forget(formulas: Iterable[str]) -> None:
    """Take formulas out of the registry again, as those of a plug-in that did not import to its end."""
    for name in formulas:
        _registry.pop(name, None)


def names() -> list[str]:
    """Return the name of every formula there is, without importing those not used yet."""
    return sorted({*_registry, *_modules()})


def lookup(name: str) -> Formula:
    """Return the formula of a name, importing its file on first use."""
    if name not in _registry and name in _modules():
        importlib.import_module(_modules()[name])
        if name not in _registry:
            raise FormulaError(
                f"{_modules()[name]} registers no formula {name!r}; a formula is its file's name"
            )
    if name not in _registry:
        raise FormulaError(unknown("formula", name, names()))
    return _registry[name]


@cache
def _modules() -> dict[str, str]:
    """Find the files in `experiments/`; a leading underscore marks a helper, not a formula."""
    root = Path(importlib.import_module("experiments").__path__[0])
    found: dict[str, str] = {}
    for path in sorted(root.rglob("[!_]*.py")):
        module = ".".join((root.name, *path.relative_to(root).with_suffix("").parts))
        if path.stem in found:
            raise FormulaError(f"two formulas are named {path.stem!r}: {found[path.stem]} and {module}")
        found[path.stem] = module
    return found


def _by_name(functions: Iterable[Function]) -> dict[str, Function]:
    found: dict[str, Function] = {}
    for function in functions:
        if function.__name__ in found:
            raise FormulaError(f"{function.__module__}: two derivations are named {function.__name__!r}")
        found[function.__name__] = function
    return found
