"""The argument names of a function, which are the contract between mathematics and runner."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.errors import line_of
from runner.formula.weak import cached_weakly

Function = Callable[..., Any]


@dataclass(frozen=True)
class Signature:
    """The argument names of a function, by the part they play in the contract."""

    positional: Mapping[str, Any]  # name -> default, `inspect.Parameter.empty` where it has none
    keyword_only: Mapping[str, Any]
    takes_rest: bool
    lists: frozenset[str] = frozenset()  # those annotated as lists, as in `layers: list[int]`

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
    parameters = inspect.signature(function).parameters.values()
    return Signature(
        {p.name: p.default for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)},
        {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY},
        any(p.kind is p.VAR_KEYWORD for p in parameters),
        frozenset(p.name for p in parameters if "list" in str(p.annotation)),
    )  # fmt: skip


def written(function: Function) -> str:
    """Return the file and line of a function's definition, for an error about what it does."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return line_of(code.co_filename, code.co_firstlineno) if code else repr(function)
