"""The argument names of a function, which are the contract between mathematics and runner."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args, get_origin

from torch import Tensor

from runner.errors import FormulaError, line_of
from runner.formula.domain import Domain, one_of, optional
from runner.formula.weak import cached_weakly

Function = Callable[..., Any]
Gradients = dict[str, Tensor]  # by the name of the input
Sizes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Signature:
    """The argument names of a function, by the part they play in the contract."""

    positional: Mapping[str, Any]  # name -> default, `inspect.Parameter.empty` where it has none
    keyword_only: Mapping[str, Any]
    takes_rest: bool
    lists: frozenset[str] = frozenset()  # those annotated as lists, as in `layers: list[int]`
    domains: Mapping[str, Domain] = field(default_factory=dict)  # as in `eps: Annotated[float, at_least(0)]`

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is spelled out, in order."""
        return (*self.positional, *self.keyword_only)

    def pick(self, available: Mapping[str, Any], rest: Iterable[str] = ()) -> dict[str, Any]:
        """Select what the function asks for, and `rest` if it takes the rest."""
        chosen = {name: available[name] for name in self.names if name in available}
        if self.takes_rest:
            chosen |= {name: available[name] for name in rest if name in available}
        return chosen


@cached_weakly
def signature(function: Function) -> Signature:
    """Read a function's arguments once."""
    parameters = _parameters(function)
    return Signature(
        {p.name: p.default for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)},
        {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY},
        any(p.kind is p.VAR_KEYWORD for p in parameters),
        frozenset(p.name for p in parameters if "list" in str(p.annotation)),
        {p.name: domain for p in parameters for domain in _domains(p) if p.kind is p.KEYWORD_ONLY},
    )  # fmt: skip


def _parameters(function: Function) -> list[inspect.Parameter]:
    """Evaluate annotations that are text (`from __future__ import annotations`), if their names are there."""
    try:
        return list(inspect.signature(function, eval_str=True).parameters.values())
    except NameError:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise FormulaError(
            f"{getattr(function, '__name__', function)}: its arguments cannot be read, as those of C code; "
            "hand over a def with named arguments that calls it"
        ) from error


def _domains(parameter: inspect.Parameter) -> list[Domain]:
    """Return the domain that an annotation states, with null where `float | None` allows it."""
    annotation = parameter.annotation
    if annotation is bool:
        return [one_of(True, False)]
    if get_origin(annotation) is Literal:
        return [one_of(*get_args(annotation))]
    if get_origin(annotation) is not Annotated:
        return []
    kind, *notes = get_args(annotation)
    may_be_none = type(None) in get_args(kind)
    return [optional(note) if may_be_none else note for note in notes if isinstance(note, Domain)]


def written(function: Function) -> str:
    """Return the file and line of a function's definition, for an error about what it does."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return line_of(code.co_filename, code.co_firstlineno) if code else repr(function)
