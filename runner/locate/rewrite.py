"""Changes of the source that make every gradient right: the code is compiled with each, and run again."""

import ast
import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from inspect import unwrap
from types import CodeType, FunctionType
from typing import Any

import torch

from runner.diagnose import say
from runner.formula.transplant import transplanted
from runner.locate.place import Line, Place, is_machinery
from runner.locate.record import Watch
from runner.locate.replay import Clock, OutOfTimeError, Side
from runner.locate.search import Search
from runner.locate.slips import Slip, calls, factors, signs, small, terms
from runner.locate.source import Function, Slot, functions_of, slots, text_of
from runner.locate.spot import Rewrite
from runner.locate.trace import Trace

SECONDS_OF_RUN = 0.004
"""What a run may take where changes of the source are tried: of slower ones, too few could be."""
MOST_OPERANDS = 24
"""Expressions of a function that may be put in elsewhere in it."""


class _Timed(Watch):
    """Ends a run that takes too long."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def see(self, index: int, func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
        """Make the call while there is time."""
        self.clock.check()
        return func(*args, **kwargs)


@dataclass
class Rewriting:
    """The search for changes of the source, in copies of the functions that nobody else calls."""

    search: Search
    copies: list[FunctionType] = field(default_factory=list)

    def __post_init__(self) -> None:
        derivation = self.search.one.subject.derivation
        function = transplanted(derivation.function, made=self.copies)
        again = replace(derivation, function=function)
        self.sides = [(side, replace(side.subject, derivation=again)) for side in self.search.sides]

    @cached_property
    def functions(self) -> dict[CodeType, Function]:
        """The functions that ran and whose source is there."""
        own = {function.__code__ for function in self.copies}
        codes = (code for code in self.search.one.trace.codes if code in own)
        return {function.code: function for function in functions_of(codes)}

    def small(self) -> Iterator[Rewrite]:
        """Yield repairs that need nothing but what stands at their place."""
        yield from self._tried(self.suspect, lambda code, slot: small(slot))
        yield from self._tried(self.quiet, lambda code, slot: small(slot))

    def signs(self) -> Iterator[Rewrite]:
        """Yield repairs by a sign or a transpose that was forgotten, or by another name."""
        return self._tried(self.suspect, lambda code, slot: signs(slot, code.co_varnames))

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
        return {code: [*slots(function.tree)] for code, function in self.functions.items()}

    @cached_property
    def suspect(self) -> dict[tuple[str, int], Place]:
        """The lines of suspects, and of what is right but perhaps not meant, each with what called it."""
        places: dict[tuple[str, int], Place] = {}
        for spot in (*self.search.suspects, *self.search.last_true):
            for depth, line in enumerate(spot.place):
                for number in range(line.line, line.end + 1):
                    places.setdefault((line.file, number), spot.place[depth + 1 :])
        return places

    @cached_property
    def quiet(self) -> dict[tuple[str, int], Place]:
        """The other lines of these functions that make no tensor, or none that is used."""
        trace = self.search.one.trace
        used = trace.ancestors({index for index in trace.returned.values() if index is not None})
        steps = [trace.steps[index] for index in used]
        loud = {(line.file, n) for s in steps for line in s.place for n in range(line.line, line.end + 1)}
        lines = (
            (code.co_filename, number)
            for code, function in self.functions.items()
            for number in range(function.tree.lineno, (function.tree.end_lineno or 0) + 1)
        )
        return {line: () for line in lines if line not in loud and line not in self.suspect}

    def _tried(
        self,
        places: Mapping[tuple[str, int], Place],
        changes: Callable[[CodeType, Slot], Iterable[Slip]],
    ) -> Iterator[Rewrite]:
        """Yield those of the changes at some lines that repair."""
        for code in self.functions:
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
                changed = self.functions[code].compiled()
            except (SyntaxError, ValueError, TypeError):  # that cannot stand there
                return None
            if not self._holds(code, changed):
                return None
            words = text_of(self.functions[code].tree)
            if self._switches_off(code, changed):
                return None
        if self.search.skip_words(words):
            return None
        columns = old.col_offset, old.end_col_offset
        line = Line(code.co_filename, old.lineno, old.end_lineno, columns, code.co_name)
        what = say("in_place_of", new=ast.unparse(new), old=ast.unparse(old))
        called = _called(old) or _called(slot.parent)
        return Rewrite((line, *callers), what, cost, ast.unparse(old), called, {code: changed}, words)

    def _holds(self, code: CodeType, changed: CodeType) -> bool:
        """Tell whether a changed function makes every gradient right at all sides."""
        with self._changed(code, changed):
            return all(self._is_right(side, subject) for side, subject in self.sides)

    def _switches_off(self, code: CodeType, changed: CodeType) -> bool:
        """Tell whether a change has a condition hold everywhere or nowhere: it passes by what is wrong."""
        side, subject = self.sides[0]
        with self._changed(code, changed):
            trace = subject.record()
        return _choices(trace) < _choices(side.trace)

    @contextmanager
    def _changed(self, code: CodeType, changed: CodeType) -> Iterator[None]:
        """Change the copies of a function, which nobody else calls."""
        own = [function for function in self.copies if function.__code__ is code]
        try:
            for function in own:
                function.__code__ = changed
            yield
        finally:
            for function in own:
                function.__code__ = code

    def _is_right(self, side: Side, subject: Any) -> bool:
        try:
            return not side.wrong(subject.run(_Timed(side.clock)))
        except OutOfTimeError:
            raise
        except Exception:  # what does not run is no repair
            return False


def rewriting(search: Search) -> Rewriting | None:
    """Return the search where a derivation is somebody's own function of which a copy can be changed."""
    function = search.one.subject.derivation.function
    if not isinstance(function, FunctionType) or not function.__module__ or hasattr(function, "prepare"):
        return None
    if is_machinery(unwrap(function).__code__) or _takes_long(search):
        return None
    try:
        return Rewriting(search)
    except RecursionError:  # a module that holds itself
        return None


def _takes_long(search: Search) -> bool:
    """Tell whether a run takes so long that only a few changes could be tried."""
    began = time.thread_time()
    search.one.subject.run(Watch())
    return time.thread_time() - began > SECONDS_OF_RUN


def _choices(trace: Trace) -> int:
    """Count the steps that make a mask of which some elements hold and others do not."""
    masks = (step.value for step in trace.steps.values() if step.value.dtype == torch.bool)
    return sum(bool(mask.any()) and not bool(mask.all()) for mask in masks)


def _called(node: ast.AST) -> str:
    """Return the name of the function that is called there, if one is."""
    return ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


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
