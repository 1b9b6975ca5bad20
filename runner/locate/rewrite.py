"""Changes of the source that make every gradient right: the code is compiled with each, and run again."""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from types import CodeType
from typing import Any

from runner.diagnose import say
from runner.locate.place import Line, Place
from runner.locate.search import Search
from runner.locate.slips import Slip, calls, factors, flips, signs, small, terms
from runner.locate.source import Slot, slots, text_of
from runner.locate.spot import Rewrite
from runner.locate.workshop import Workshop

MOST_OTHERS = 3
"""Names that may stand for one name: where more would do, all that is shown is that this one should not."""
MOST_OPERANDS = 24
"""Expressions of a function that may be put in elsewhere in it."""


@dataclass
class Rewriting:
    """The search for changes of the source, line by line."""

    search: Search
    workshop: Workshop

    def flips(self) -> Iterator[Rewrite]:
        """Yield repairs of what decides: these are few, and no change of a tensor tells of them."""
        for places in (self.suspect, self.quiet):
            yield from self._tried(places, lambda code, slot: flips(slot))

    def small(self) -> Iterator[Rewrite]:
        """Yield repairs that need nothing but what stands at their place."""
        yield from self._tried(self.suspect, lambda code, slot: small(slot))
        yield from self._tried(self.quiet, lambda code, slot: small(slot))

    def signs(self) -> Iterator[Rewrite]:
        """Yield repairs by a sign or a transpose that was forgotten, or by another name."""
        found = [*self._tried(self.suspect, self._signs)]
        same = Counter((one.place, one.text) for one in found)
        return (one for one in found if same[one.place, one.text] < MOST_OTHERS)

    def _signs(self, code: CodeType, slot: Slot) -> Iterator[Slip]:
        """Yield no tensor in place of what is none, and the other way round."""
        name = slot.node.id if isinstance(slot.node, ast.Name) else ""
        is_tensor = name in self.search.tensors
        return signs(slot, [one for one in code.co_varnames if (one in self.search.tensors) == is_tensor])

    def wraps(self) -> Iterator[Rewrite]:
        """Yield repairs by a call, a factor or a term that stand elsewhere in the function."""
        for kind in (calls, factors, terms):
            yield from self._tried(self.suspect, partial(self._of_nearby, kind))

    def _of_nearby(self, kind: Callable[..., Iterator[Slip]], code: CodeType, slot: Slot) -> Iterator[Slip]:
        """Yield changes of one kind, where those of a step's operands do not cover them."""
        place = code.co_filename, vars(slot.node)["lineno"]
        is_part = isinstance(slot.parent, ast.List | ast.Tuple | ast.Dict | ast.keyword)
        return kind(slot, *self.nearby[code]) if is_part or place not in self.covered else iter(())

    @cached_property
    def covered(self) -> set[tuple[str, int]]:
        """The lines at which all steps move the result in proportion: their operands have been tried."""
        found: dict[tuple[str, int], bool] = {}
        for spot in self.search.suspects:
            line = spot.place[0].file, spot.place[0].line
            found[line] = found.get(line, True) and self.search.is_affine(spot)
        return {line for line, is_covered in found.items() if is_covered}

    @cached_property
    def nearby(self) -> dict[CodeType, tuple[list[ast.expr], list[ast.Call]]]:
        """The expressions and the calls of each function, each once, the shortest first."""
        return {code: _stock([slot.node for slot in own]) for code, own in self.slots.items()}

    @cached_property
    def slots(self) -> dict[CodeType, list[Slot]]:
        """Where the expressions of each function stand."""
        return {code: [*slots(function.tree)] for code, function in self.workshop.functions.items()}

    @cached_property
    def suspect(self) -> dict[tuple[str, int], Place]:
        """The lines of suspects, and of what is right but perhaps not meant, each with what called it."""
        places: dict[tuple[str, int], Place] = {}
        for spot in (*self.search.suspects, *self.search.last_true):
            for depth, line in enumerate(spot.place):
                for number in line.numbers:
                    places.setdefault((line.file, number), spot.place[depth + 1 :])
        return places

    @cached_property
    def quiet(self) -> dict[tuple[str, int], Place]:
        """The other lines of these functions that make no tensor, or none that is used."""
        loud = self.search.used
        lines = (
            (code.co_filename, number)
            for code, function in self.workshop.functions.items()
            for number in range(function.tree.lineno, (function.tree.end_lineno or 0) + 1)
        )
        return {line: () for line in lines if line not in loud and line not in self.suspect}

    def _tried(
        self,
        places: Mapping[tuple[str, int], Place],
        changes: Callable[[CodeType, Slot], Iterable[Slip]],
    ) -> Iterator[Rewrite]:
        """Yield those of the changes at some lines that repair."""
        for code in self.workshop.functions:
            for slot in self.slots[code]:
                callers = places.get((code.co_filename, vars(slot.node).get("lineno", 0)))
                if callers is not None:
                    for cost, new in changes(code, slot):
                        if (rewrite := self._rewrite(code, slot, new, cost, callers)) is not None:
                            yield rewrite

    def _rewrite(
        self, code: CodeType, slot: Slot, new: ast.AST, cost: float, callers: Place
    ) -> Rewrite | None:
        self.search.one.clock.check()
        old: Any = slot.node
        with slot.holding(new):
            try:
                changed = self.workshop.functions[code].compiled()
            except Exception:  # that cannot stand there
                return None
            if not self.workshop.holds(code, changed):
                return None
            words = text_of(self.workshop.functions[code].tree)
            if self.workshop.switches_off(code, changed):
                return None
        if self.search.skip_words(words):
            return None
        columns = old.col_offset, old.end_col_offset
        line = Line(code.co_filename, old.lineno, old.end_lineno, columns, code.co_name)
        what = say("in_place_of", new=ast.unparse(new), old=ast.unparse(old))
        called = _callees(old) or _callees(slot.parent)
        return Rewrite((line, *callers), what, cost, ast.unparse(old), called, {code: changed}, words)


def _callees(node: ast.AST) -> frozenset[str]:
    """Return the name of the function that is called there, or those of two branches."""
    branches = (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,)
    calls = (branch for branch in branches if isinstance(branch, ast.Call))
    return frozenset(ast.unparse(call.func).rpartition(".")[2] for call in calls)


def _stock(nodes: list[Any]) -> tuple[list[ast.expr], list[ast.Call]]:
    """Return copies of the expressions that may stand elsewhere, and of the calls."""
    once = {ast.unparse(node): copy.deepcopy(node) for node in nodes if _is_operand(node)}
    calls = {_name(node): copy.deepcopy(node) for node in nodes if isinstance(node, ast.Call) and node.args}
    return [once[text] for text in sorted(once, key=len)][:MOST_OPERANDS], [*calls.values()]


def _is_operand(node: ast.AST) -> bool:
    """Tell whether an expression may be a factor or a term somewhere else."""
    is_read = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    return isinstance(node, ast.Name | ast.Call | ast.BinOp | ast.Subscript) and is_read


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func)
