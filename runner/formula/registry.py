"""Every formula there is, by name: those registered so far, and the files of `experiments/`."""

import dataclasses
import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from runner.errors import FormulaError, reason, unknown
from runner.files import formula_modules
from runner.formula.derivation import Derivation
from runner.formula.edge import Edge
from runner.formula.formula import Formula
from runner.formula.kind import GRADIENT, JACOBIAN, Kind
from runner.formula.pieces import fitted, of_module
from runner.formula.signature import Function, signature
from runner.formula.validate import validate

_registry: dict[str, Formula] = {}


def register(
    *,
    gradients: Iterable[Function] = (),
    jacobians: Iterable[Function] = (),
    name: str | None = None,
    edges: Mapping[str, Edge] | None = None,
    **record: Any,
) -> Formula:
    """Validate a formula and add it to the registry.

    `shapes`, `forward`, `library` and `sample` are those of the calling file, unless others are passed.
    `gradients` and `jacobians` are functions; the name of each is the name of the derivation. The formula
    is named after its file unless `name` says otherwise. Raises FormulaError, which names what was
    received and what there is, when the pieces do not fit together.
    """
    pieces = of_module(sys._getframe(1).f_globals, record)
    forward = pieces["forward"]
    name = name or str(forward.__module__).rpartition(".")[2]
    formula = described(name, gradients=gradients, jacobians=jacobians, edges=edges, **pieces)
    owner = registered().get(formula.name) or formula_modules().get(formula.name, forward.__module__)
    if formula.name in _registry or owner != forward.__module__:
        raise FormulaError(
            f"formula {formula.name!r} of {forward.__module__}: the name is taken, by {owner}; "
            "rename the file, or give register another name=..."
        )
    _registry[formula.name] = formula
    return formula


def described(
    name: str,
    *,
    gradients: Iterable[Function] = (),
    jacobians: Iterable[Function] = (),
    edges: Mapping[str, Edge] | None = None,
    **pieces: Any,
) -> Formula:
    """Validate a formula of these pieces, and leave the registry alone. Raises FormulaError."""
    known = {field.name for field in dataclasses.fields(Formula)}
    for given in pieces:
        if given not in known:
            raise FormulaError(f"register: {unknown('argument', given, known)}")
    forward = pieces["forward"]
    formula = Formula(
        name=name,
        derivations=_derivations(name, {GRADIENT: gradients, JACOBIAN: jacobians}),
        edges=fitted(edges or {}, signature(pieces["shapes"]).lists),
        statement=inspect.getdoc(inspect.getmodule(forward)) or "",
        **{"saved": getattr(forward, "saved", ()), **pieces},
    )
    validate(formula)
    return formula


def registered() -> dict[str, str]:
    """Return the formulas imported so far, each with the module that it comes from."""
    return {name: formula.forward.__module__ for name, formula in _registry.items()}


def forget(formulas: Iterable[str]) -> None:
    """Take formulas out of the registry again, as those of a plug-in that did not import to its end."""
    for name in formulas:
        _registry.pop(name, None)


@contextmanager
def lent(formula: Formula) -> Iterator[None]:
    """Let a formula be looked up by its name for a while, whatever else has that name."""
    before = _registry.get(formula.name)
    _registry[formula.name] = formula
    try:
        yield
    finally:
        _registry.pop(formula.name)
        if before is not None:
            _registry[formula.name] = before


def names() -> list[str]:
    """Return the name of every formula there is, without importing those not used yet."""
    return sorted({*_registry, *formula_modules()})


def lookup(name: str) -> Formula:
    """Return the formula of a name, importing its file on first use."""
    if name not in _registry and name in formula_modules():
        _import(formula_modules()[name])
        if name not in _registry:
            raise FormulaError(
                f"{formula_modules()[name]} registers no formula {name!r}; a formula is its file's name"
            )
    if name not in _registry:
        raise FormulaError(unknown("formula", name, names()))
    return _registry[name]


def _import(module: str) -> None:
    """Import a file of `experiments/`; what it registered before it failed is forgotten."""
    known = registered()
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:  # the file may raise anything
        forget({name for name, owner in registered().items() if owner == module and name not in known})
        raise FormulaError(f"{module}: {reason(error)}") from error


def _derivations(formula: str, functions: Mapping[Kind, Iterable[Function]]) -> dict[str, Derivation]:
    derivations: dict[str, Derivation] = {}
    for kind, of_kind in functions.items():
        for function in of_kind:
            name = function.__name__
            if name in derivations:
                raise FormulaError(f"{formula}: two derivations are named {name!r}")
            derivations[name] = Derivation(name, kind, function, formula)
    return derivations
