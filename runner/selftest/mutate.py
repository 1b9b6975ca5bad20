"""Mistakes made in the source: a derivation and what it calls, changed in one place at a time."""

import ast
import copy
import difflib
import functools
import inspect
import sys
import textwrap
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

from runner.case.case import Case
from runner.errors import reason
from runner.formula.precision import is_widened
from runner.formula.signature import Function
from runner.formula.transplant import transplanted
from runner.formula.weak import cached_weakly
from runner.names import package_of
from runner.selftest.due import Due
from runner.selftest.mistake import Mistake, Target
from runner.selftest.operators import OPERATORS
from runner.selftest.operators.calls import MOVES, REDUCTIONS

AXES = (*REDUCTIONS, *MOVES, "flatten", "unflatten", "unsqueeze", "squeeze", "split", "cat", "triu", "tril")
"""Calls whose whole numbers are axes, which an operator of their own changes."""


def mistakes(target: Target, cases: Iterator[Case]) -> Iterator[Mistake]:
    """Yield every change to the functions of formula files that the derivation runs on one of the cases."""
    reached = list(functions_reached(target, cases))
    for function in reached:
        tree = definition(function)
        for kind, changed in changes(tree):
            try:
                code = compiled(changed, function)
            except (SyntaxError, ValueError):
                continue
            diff = _diff(tree, changed)
            yield Mistake(
                kind,
                f"{function.__name__}: {_in_one_line(diff)}",
                diff,
                functools.partial(transplanted, target.function, {function.__code__: code}),
            )
    yield from _without_decorator(target.function, reached)


def _without_decorator(derivation: Function, reached: Iterable[FunctionType]) -> Iterator[Mistake]:
    """Take `in_float32` off the derivation and off what it calls, one at a time."""
    helpers = (getattr(sys.modules[function.__module__], function.__name__) for function in reached)
    for function in dict.fromkeys((derivation, *helpers)):
        if is_widened(function):
            name = f"{function.__name__}: without @in_float32"
            make = functools.partial(transplanted, derivation, bare=function)
            due = Due.of("precision", "dtype")  # it widens, and rounds to the dtype of the input
            yield Mistake("low-precision accumulation", name, name, make, due)


def functions_reached(target: Target, cases: Iterator[Case]) -> Iterator[FunctionType]:
    """Yield the derivation, and the functions of its own and other formula files that it calls."""
    package = package_of(target.function.__module__)
    codes: dict[CodeType, str] = {}

    def note(frame: FrameType, event: str, argument: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and package_of(module) == package:
            codes[frame.f_code] = module

    for case in cases:
        before = sys.getprofile()
        values = case.values
        sys.setprofile(note)
        try:
            target.derivation(values, case.inputs)
        except Exception as error:  # what a derivation does not take, it does not run
            reason(error)
        finally:
            sys.setprofile(before)
    for code, module in codes.items():
        found: Any = getattr(sys.modules[module], code.co_name, None)
        function = inspect.unwrap(found)
        if isinstance(function, FunctionType) and function.__code__ is code:
            yield function


@cached_weakly
def definition(function: FunctionType) -> ast.FunctionDef:
    """Return a function's tree without its docstring."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (found,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    if ast.get_docstring(found) is not None:
        found.body = found.body[1:]
    return found


def changes(tree: ast.FunctionDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield each change of the body, by class of mistake; a change that reads the same comes once."""
    return ((kind, changed) for kind, changed, *_ in placed_changes(tree))


def placed_changes(
    tree: ast.FunctionDef,
) -> Iterator[tuple[str, ast.FunctionDef, ast.AST, ast.AST | None]]:
    """Yield each change of the body, by class of mistake, with the node and what stands in its place."""
    original, seen = ast.unparse(tree), set()
    skipped = _axes_and_indices(tree)
    for statement in tree.body:
        for node in ast.walk(statement):
            if id(node) in skipped:
                continue
            for operator in OPERATORS.get(type(node), ()):
                for kind, instead in operator(node):
                    changed = replaced(tree, node, instead)
                    text = ast.unparse(changed)
                    if text != original and text not in seen:
                        seen.add(text)
                        yield kind, changed, node, instead


def replaced(tree: ast.FunctionDef, node: ast.AST, instead: ast.AST | None) -> ast.FunctionDef:
    """Return a copy of a tree with one node replaced; a statement that is dropped leaves `pass`."""
    memo: dict[int, Any] = {}
    twin = copy.deepcopy(tree, memo)
    changed = _Replace(memo[id(node)], ast.Pass() if instead is None else instead).visit(twin)
    assert isinstance(changed, ast.FunctionDef)
    return ast.fix_missing_locations(changed)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        if node is not self.old:
            return self.generic_visit(node)
        if isinstance(getattr(self.new, "ctx", None), ast.Load) and hasattr(node, "ctx"):
            self.new.ctx = node.ctx  # type: ignore[attr-defined]
        return self.new


def _axes_and_indices(tree: ast.FunctionDef) -> set[int]:
    """Return the constants that are no numbers of the mathematics: axes and indices."""
    places: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            places.append(node.slice)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in AXES:
            places += [a for a in node.args if isinstance(a, ast.Constant | ast.UnaryOp | ast.Tuple)]
        elif isinstance(node, ast.keyword) and node.arg in ("dim", "keepdim"):
            places.append(node.value)
    return {
        id(part)
        for place in places
        for part in ast.walk(place)
        if isinstance(part, ast.Constant | ast.UnaryOp)
    }


def compiled(tree: ast.FunctionDef, function: FunctionType) -> CodeType:
    """Return the code of a changed function; its defaults stay those of the original."""
    bare = copy.deepcopy(tree)
    bare.decorator_list = []
    module = compile(ast.Module([bare], []), f"<{function.__name__}, changed>", "exec")
    (code,) = (c for c in module.co_consts if isinstance(c, CodeType) and c.co_name == function.__name__)
    return code


def _diff(before: ast.FunctionDef, after: ast.FunctionDef) -> str:
    one, other = (ast.unparse(tree).splitlines() for tree in (before, after))
    lines = list(difflib.unified_diff(one, other, lineterm="", n=0))[3:]
    return "\n".join([f"{before.name}:", *lines])


def _in_one_line(diff: str) -> str:
    lines = [line[1:].strip() for line in diff.splitlines()[1:] if line[0] in "-+"]
    return " -> ".join(lines) if len(lines) == 2 else "; ".join(lines)
