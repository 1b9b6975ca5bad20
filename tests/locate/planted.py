"""Mistakes planted into the sources of derivations: by the operators of the self-test, and those by hand."""

import ast
import inspect
import linecache
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import torch

from runner.case.spec import case_of
from runner.formula.derivation import Derivation
from runner.formula.signature import Function
from runner.formula.transplant import transplanted
from runner.locate.limit import Clock, OutOfTimeError
from runner.locate.record import Watch
from runner.locate.source import text_of
from runner.locate.subject import Subject
from runner.selftest.mistake import Target
from runner.selftest.mutate import definition, functions_reached, placed_changes
from runner.selftest.targets import targets
from tests.locate.by_hand import MISTAKES, ByHand

SECONDS = 5
"""Of the processor's, what a derivation with a mistake may take at the experiment's own shape."""


@dataclass(frozen=True)
class Planted:
    """A mistake in a source: the derivation with it, and the lines that it changes."""

    target: Target
    function: Function
    file: str
    lines: range
    what: str
    text: str
    """What the file would hold."""
    is_by_hand: bool = False

    @property
    def derivation(self) -> Derivation:
        """The derivation with the mistake."""
        return replace(self.target.derivation, function=self.function)

    @contextmanager
    def written(self) -> Iterator[None]:
        """Have the file read as if the mistake were in it."""
        linecache.cache[self.file] = (len(self.text), None, self.text.splitlines(keepends=True), self.file)
        try:
            yield
        finally:
            del linecache.cache[self.file]

    @property
    def undone(self) -> set[str]:
        """How the functions of the file read without the mistake."""
        tree = ast.parse(Path(self.file).read_text())
        return {text_of(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    @property
    def lines_of_derivation(self) -> int:
        """Statements of the derivation itself."""
        return len(definition(inspect.unwrap(self.target.function)).body)


@dataclass(frozen=True)
class Change:
    """A change of one function that a derivation runs: its tree, the node that was changed, the new one."""

    function: FunctionType
    kind: str
    tree: ast.FunctionDef
    node: ast.AST
    new: ast.AST | None

    def planted_into(self, target: Target) -> Planted:
        """Return the derivation with the change; raises SyntaxError or ValueError for one that is none."""
        first = inspect.getsourcelines(self.function)[1]
        begin, end = int(vars(self.node)["lineno"]), int(vars(self.node)["end_lineno"])
        file = self.function.__code__.co_filename
        text = self._text(Path(file).read_text(), first)
        code = _changed_code(self.function, compile(text, file, "exec"))
        made = transplanted(target.function, {self.function.__code__: code})
        return Planted(target, made, file, range(first + begin - 1, first + end), self._told(), text)

    def _text(self, text: str, first: int) -> str:
        """Return a file with the change in it; all else stays where it is."""
        begin, end = self._offsets(text, first)
        lost = "\n" * text[begin:end].count("\n")
        new = ast.unparse(self.new) if self.new is not None else "pass"
        is_statement = isinstance(self.node, ast.stmt)
        spelled = (f"{new}{lost}",) if is_statement else (f"{new}{lost}", f"({new}{lost})")
        for one in spelled:
            changed = text[:begin] + one + text[end:]
            with suppress(SyntaxError):
                if ast.unparse(_function_of(changed, self.function)) == ast.unparse(self.tree):
                    return changed
        raise ValueError(f"{new!r} cannot be written in place of {text[begin:end]!r}")

    def _offsets(self, text: str, first: int) -> tuple[int, int]:
        lines = text.splitlines(keepends=True)
        place = vars(self.node)

        def offset(line: str, column: str) -> int:
            row = first + place[line] - 2
            return sum(map(len, lines[:row])) + len(lines[row].encode()[: place[column]].decode())

        return offset("lineno", "col_offset"), offset("end_lineno", "end_col_offset")

    def _told(self) -> str:
        before = ast.unparse(definition(self.function)).splitlines()
        new = [line.strip() for line in ast.unparse(self.tree).splitlines() if line not in before]
        return f"{self.kind}: {' | '.join(new)}"


def from_source(target: Target, most: int, lot: int = 0) -> Iterator[Planted]:
    """Yield changes that the operators of the self-test make, in a random order that the lot fixes."""
    changes = [
        Change(function, *change)
        for function in functions_reached(target, iter([target.case]))
        for change in placed_changes(definition(function))
    ]
    random.Random(lot).shuffle(changes)
    for change in changes:
        if most == 0:
            return
        try:
            planted = change.planted_into(target)
        except (SyntaxError, ValueError):
            continue
        if shows(planted):
            most -= 1
            yield planted


def _changed_code(function: FunctionType, module: CodeType) -> CodeType:
    """Return the code of a function in the compiled file that holds it changed."""
    (code,) = (c for c in module.co_consts if isinstance(c, CodeType) and _is_of(c, function))
    return code


def _is_of(code: CodeType, function: FunctionType) -> bool:
    own = function.__code__
    return (code.co_name, code.co_firstlineno) == (own.co_name, own.co_firstlineno)


def _function_of(text: str, function: FunctionType) -> ast.FunctionDef:
    """Return the tree of a function in the text of its file, without its docstring."""
    named = (n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef))
    (found,) = (node for node in named if node.name == function.__name__)
    if ast.get_docstring(found) is not None:
        found.body = found.body[1:]
    return found


def by_hand() -> Iterator[Planted]:
    """Yield the mistakes that were written by hand."""
    return map(planted_by_hand, MISTAKES)


def planted_by_hand(mistake: ByHand) -> Planted:
    (target,) = (t for t in targets([mistake.formula]) if t.derivation.name == mistake.derivation)
    module = sys.modules[target.function.__module__]
    file = str(module.__file__)
    text = Path(file).read_text()
    assert text.count(mistake.was) == 1, mistake
    line = text[: text.index(mistake.was)].count("\n") + 1
    changed = text.replace(mistake.was, mistake.now)
    codes = _changed(module, compile(changed, file, "exec"))
    made = transplanted(target.function, codes)
    what = f"by hand: {mistake.was} -> {mistake.now}"
    return Planted(target, made, file, range(line, line + 1), what, changed, is_by_hand=True)


def _changed(module: ModuleType, changed: CodeType) -> dict[CodeType, CodeType]:
    """Return the codes of a changed file by those of a module's own functions."""
    new = {code.co_name: code for code in changed.co_consts if isinstance(code, CodeType)}
    functions = (inspect.unwrap(value) for value in vars(module).values() if callable(value))
    own = [f for f in functions if isinstance(f, FunctionType) and f.__module__ == module.__name__]
    return {f.__code__: new[f.__name__] for f in own if f.__name__ in new}


def shows(planted: Planted) -> bool:
    """Tell whether a mistake makes a gradient wrong, and does no more than that."""
    case = case_of(replace(planted.target.spec, upstream="normal", dtype="float64"))
    subject = Subject(case, planted.derivation, Clock.of(SECONDS))
    truth = planted.target.kind.differentiate(
        case.evaluate_leaves, case.inputs, case.differentiable, case.upstream
    )
    try:
        found = subject.run(Watch())
    except (Exception, OutOfTimeError):  # those that raise, or never end, are apart
        return False
    return {*found} == {*planted.target.gradients} and any(
        found[n].shape != truth[n].shape
        or not torch.allclose(found[n].double(), truth[n], rtol=1e-7, atol=1e-9)
        for n in found
    )
