"""What is checked when a formula is registered: every name that can be, before anything runs."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from runner.errors import FormulaError, unknown
from runner.formula.draw import DISTRIBUTIONS, UPSTREAMS
from runner.formula.edge import Shape
from runner.formula.example import Example
from runner.formula.formula import Formula
from runner.formula.signature import Function, Signature, signature, written


def validate(formula: Formula) -> None:
    """Check every name that can be checked before the formula runs."""
    forward = signature(formula.forward)
    named = tuple(forward.positional)
    results = (*formula.outputs, *formula.saved)
    if not formula.derivations:
        raise FormulaError(f"{formula.name}: there is no gradient to check")
    if clash := sorted({*named} & {*results}):
        raise FormulaError(f"{formula.name}: {', '.join(clash)} names both an input and a result of forward")

    _no_bare_keyword(formula, forward)
    upstream = tuple(f"grad_{output}" for output in formula.outputs)
    dimensions = tuple(formula.dimensions)
    hyper = tuple(formula.parameters)
    allowed: list[tuple[Function | None, tuple[str, ...]]] = [
        (formula.shapes, (*dimensions, *hyper)),
        (formula.sample, ("rng", *dimensions, *hyper)),
        (formula.forward, (*named, *hyper)),
        (formula.library, (*named, *hyper)),
        *(
            (d.function, (*named, *results, *hyper, *upstream, *_prepared(d.function)))
            for d in formula.derivations.values()
        ),
    ]
    for function, known in allowed:
        if function is not None:
            _only_known(formula, function, known, any_input=forward.takes_rest)
    _members(formula, "constants", formula.constants, named, any_input=forward.takes_rest)
    _members(formula, "detached", formula.detached, named, any_input=forward.takes_rest)
    _members(formula, "hyper-parameter in domain", formula.domain, hyper)
    for name, edge in formula.edges.items():
        _members(formula, f"shape key of edge {name}", edge.shape, dimensions)
        _members(formula, f"params key of edge {name}", edge.params, hyper)
        asked = signature(edge.inputs).names if edge.inputs else ()
        _members(formula, f"input of edge {name}", asked, (*named, *hyper), any_input=forward.takes_rest)
    if formula.example is not None:
        _example(formula, formula.example)
    _domains(formula)
    _inputs_have_shapes(formula, forward)


def _domains(formula: Formula) -> None:
    """Check that a default, and what the example sets, is a value that the hyper-parameter may take."""
    given = formula.example.params if formula.example else {}
    for name, value in (*formula.parameters.items(), *given.items()):
        domain = formula.domain_of(name)
        if not domain.contains(value):
            raise FormulaError(f"{formula.name}: {name}={value}: must be {domain.description}")
    for function in formula.functions:
        for name, domain in signature(function).domains.items():
            held = formula.domains[name]
            if name not in formula.domain and domain.description != held.description:
                two = f"{domain.description} in {function.__name__}, {held.description} elsewhere"
                raise FormulaError(f"{formula.name}: {name} has two domains: {two}")


def _example(formula: Formula, example: Example) -> None:
    _members(formula, "shape key of example", example.shape, formula.dimensions)
    _members(formula, "params key of example", example.params, formula.parameters)
    _members(formula, "upstream of example", [example.upstream], UPSTREAMS)
    _members(formula, "distribution of example", [example.distribution], DISTRIBUTIONS)
    empty = inspect.Parameter.empty
    required = [name for name, default in formula.dimensions.items() if default is empty]
    if missing := [name for name in required if name not in example.shape]:
        raise FormulaError(
            f"{formula.name}: the shape of example lacks {', '.join(missing)}; shapes takes "
            f"{', '.join(formula.dimensions)}"
        )


def _no_bare_keyword(formula: Formula, forward: Signature) -> None:
    """Refuse what is neither an input nor a hyper-parameter, as the x of forward(*, x)."""
    bare = [name for name, default in forward.keyword_only.items() if default is inspect.Parameter.empty]
    if unset := [name for name in bare if name not in formula.parameters]:
        raise FormulaError(
            f"{formula.name}: {', '.join(unset)} has no default and is keyword-only: inputs are the "
            "positional arguments of forward, hyper-parameters the keyword-only ones with a default "
            f"({written(formula.forward)})"
        )


def _prepared(derivation: Function) -> tuple[str, ...]:
    return ("prepared",) if hasattr(derivation, "prepare") else ()


def _only_known(formula: Formula, function: Function, known: Iterable[str], any_input: bool) -> None:
    asked = signature(function)
    if asked.takes_rest and not any_input:
        raise FormulaError(f"{formula.name}: {function.__name__} takes **rest, but forward names its inputs")
    _members(formula, f"argument of {function.__name__}", asked.names, known)


def _members(
    formula: Formula, kind: str, given: Iterable[str], known: Iterable[str], any_input: bool = False
) -> None:
    for name in given:
        if name not in known and not any_input:
            raise FormulaError(f"{formula.name}: {unknown(kind, name, known)}")


def _inputs_have_shapes(formula: Formula, forward: Signature) -> None:
    """Call `shapes` once: for the example, or with every dimension 2, where that is a legal shape."""
    try:
        sizes = formula.sizes(*_a_shape(formula))
    except ValueError as error:
        if formula.example is None:
            return
        raise FormulaError(f"{formula.name}: example: {error}") from error
    required = {n for n, default in forward.positional.items() if default is inspect.Parameter.empty}
    if missing := sorted(required - {*sizes}):
        raise FormulaError(
            f"{formula.name}: shapes gives {', '.join(sizes)} and lacks {', '.join(missing)}, "
            "which forward requires"
        )
    if not forward.takes_rest:
        _members(formula, "input given by shapes", sizes, tuple(forward.positional))


def _a_shape(formula: Formula) -> tuple[Shape, Mapping[str, Any]]:
    if formula.example is not None:
        return formula.example.shape, {**formula.parameters, **formula.example.params}
    lists = signature(formula.shapes).lists
    return {d: [2, 2] if d in lists else 2 for d in formula.dimensions}, formula.parameters
