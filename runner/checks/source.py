"""The numbers that stand in the source of forward and derivation: sizes of blocks, and places of kinks."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from runner.checks.subject import Subject
from runner.formula.weak import cached_weakly


def literals(subject: Subject) -> set[int | float]:
    """Return the numbers in the modules of forward and derivation, whatever they are for."""
    functions = map(inspect.unwrap, (subject.derivation.function, subject.case.formula.forward))
    sources = dict.fromkeys(inspect.getmodule(function) or function for function in functions)
    return {number for source in sources for number in _numbers(source)}


@cached_weakly
def _numbers(source: Any) -> frozenset[int | float]:
    constants = (node.value for node in _tree(source) if isinstance(node, ast.Constant))
    return frozenset(n for n in constants if isinstance(n, int | float) and not isinstance(n, bool))


def _tree(source: Any) -> Iterator[ast.AST]:
    """Yield the nodes of a module, or of a function; nothing where there is no source."""
    try:
        yield from ast.walk(ast.parse(textwrap.dedent(inspect.getsource(source))))
    except (OSError, TypeError, SyntaxError):
        return
