"""Mistakes planted into the sources of derivations: by the operators of the self-test, and those by hand."""

import ast
import copy
import inspect
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import torch

from runner.case.spec import case_of
from runner.formula.derivation import Derivation
from runner.formula.signature import Function
from runner.selftest.mistake import Target
from runner.selftest.mutate import definition, functions_reached, placed_changes
from runner.selftest.targets import targets
from runner.selftest.transplant import transplanted
from tests.locate.by_hand import MISTAKES, ByHand


@dataclass(frozen=True)
class Planted:
    """A mistake in a source: the derivation with it, and the lines that it changes."""

    target: Target
    function: Function
    file: str
    lines: range
    what: str
    is_by_hand: bool = False

    @property
    def derivation(self) -> Derivation:
        """The derivation with the mistake."""
        return replace(self.target.derivation, function=self.function)

    @property
    def lines_of_derivation(self) -> int:
        """Statements of the derivation itself."""
        return len(definition(inspect.unwrap(self.target.function)).body)


@dataclass(frozen=True)
class Change:
    """A change of one function that a derivation runs: its tree, and the node that was changed."""

    function: FunctionType
    kind: str
    tree: ast.FunctionDef
    node: ast.AST

    def planted_into(self, target: Target) -> Planted:
        """Return the derivation with the change; raises SyntaxError or ValueError for one that is none."""
        first = inspect.getsourcelines(self.function)[1]
        begin, end = int(vars(self.node)["lineno"]), int(vars(self.node)["end_lineno"])
        code = _code(self.tree, self.function, first)
        made = transplanted(target.function, {self.function.__code__: code})
        file = self.function.__code__.co_filename
        return Planted(target, made, file, range(first + begin - 1, first + end), self._told())

    def _told(self) -> str:
        before = ast.unparse(definition(self.function)).splitlines()
        new = [line.strip() for line in ast.unparse(self.tree).splitlines() if line not in before]
        return f"{self.kind}: {' | '.join(new)}"


def from_source(target: Target, most: int, lot: int = 0) -> Iterator[Planted]:
    """Yield changes that the operators of the self-test make, in a random order that the lot fixes."""
    changes = [
        Change(function, kind, tree, node)
        for function in functions_reached(target, iter([target.case]))
        for kind, tree, node in placed_changes(definition(function))
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


def _code(tree: ast.FunctionDef, function: FunctionType, first: int) -> CodeType:
    """Compile a changed function at the lines of its file."""
    bare = copy.deepcopy(tree)
    bare.decorator_list = []
    ast.increment_lineno(bare, first - 1)
    module = compile(ast.Module([bare], []), function.__code__.co_filename, "exec")
    (code,) = (c for c in module.co_consts if isinstance(c, CodeType) and c.co_name == function.__name__)
    return code


def by_hand() -> Iterator[Planted]:
    """Yield the mistakes that were written by hand."""
    return map(_by_hand, MISTAKES)


def _by_hand(mistake: ByHand) -> Planted:
    (target,) = (t for t in targets([mistake.formula]) if t.derivation.name == mistake.derivation)
    module = sys.modules[target.function.__module__]
    file = str(module.__file__)
    text = Path(file).read_text()
    assert text.count(mistake.was) == 1, mistake
    line = text[: text.index(mistake.was)].count("\n") + 1
    codes = _changed(module, compile(text.replace(mistake.was, mistake.now), file, "exec"))
    made = transplanted(target.function, codes)
    what = f"by hand: {mistake.was} -> {mistake.now}"
    return Planted(target, made, file, range(line, line + 1), what, is_by_hand=True)


def _changed(module: ModuleType, changed: CodeType) -> dict[CodeType, CodeType]:
    """Return the codes of a changed file by those of a module's own functions."""
    new = {code.co_name: code for code in changed.co_consts if isinstance(code, CodeType)}
    functions = (inspect.unwrap(value) for value in vars(module).values() if callable(value))
    own = [f for f in functions if isinstance(f, FunctionType) and f.__module__ == module.__name__]
    return {f.__code__: new[f.__name__] for f in own if f.__name__ in new}


def shows(planted: Planted) -> bool:
    """Tell whether a mistake makes a gradient wrong, and does no more than that."""
    case = case_of(replace(planted.target.spec, upstream="normal", dtype="float64"))
    truth = planted.target.kind.differentiate(
        case.evaluate_leaves, case.inputs, case.differentiable, case.upstream
    )
    try:
        with torch.no_grad():
            found = planted.derivation({**case.values}, case.inputs)
    except Exception:  # those that raise are apart
        return False
    return {*found} == {*planted.target.gradients} and any(
        found[n].shape != truth[n].shape
        or not torch.allclose(found[n].double(), truth[n], rtol=1e-7, atol=1e-9)
        for n in found
    )
