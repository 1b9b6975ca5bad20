"""What is checked when a formula is registered: every name that can be, before anything runs."""

import inspect
from collections.abc import Iterable

from runner.errors import FormulaError, unknown
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
    _members(formula, "domain", formula.domain, hyper)
    _members(formula, "may_be_empty", formula.may_be_empty, dimensions)
    for name, edge in formula.edges.items():
        _members(formula, f"shape key of edge {name}", edge.shape, dimensions)
        _members(formula, f"params key of edge {name}", edge.params, hyper)
    _inputs_have_shapes(formula, forward)


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
    """Call `shapes` once with every dimension 2, where that is a legal shape."""
    lists = signature(formula.shapes).lists
    try:
        sizes = formula.sizes(
            {d: [2, 2] if d in lists else 2 for d in formula.dimensions}, formula.parameters
        )
    except ValueError:
        return
    required = {n for n, default in forward.positional.items() if default is inspect.Parameter.empty}
    if missing := sorted(required - {*sizes}):
        raise FormulaError(
            f"{formula.name}: shapes gives {', '.join(sizes)} and lacks {', '.join(missing)}, "
            "which forward requires"
        )
    if not forward.takes_rest:
        _members(formula, "input given by shapes", sizes, tuple(forward.positional))
