"""Copies of the functions of a derivation, which may be changed: nobody else calls them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import unwrap
from types import CodeType, FunctionType
from typing import Any

import torch

from runner.formula.transplant import transplanted
from runner.locate.limit import OutOfTimeError
from runner.locate.place import is_machinery
from runner.locate.record import Watch
from runner.locate.replay import OtherStepsError, Side
from runner.locate.search import Search
from runner.locate.source import Function, functions_of
from runner.locate.subject import Subject
from runner.locate.trace import Trace

MOST_CALLS = 400
"""Of PyTorch in a run where changes of the source are tried: of slower ones, too few could be."""
TIMES = 8
"""How many times the calls a changed derivation may make."""
SECONDS = 0.1
"""What a run with a change may take: a loop may not end."""


class _Counted(Watch):
    """Ends a run that makes many more calls than the derivation does as it is."""

    def __init__(self, usual: int) -> None:
        super().__init__()
        self.most = TIMES * usual

    def see(self, index: int, func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
        """Make the call while there are not too many."""
        if index > self.most:
            raise OtherStepsError
        return func(*args, **kwargs)


@dataclass
class Workshop:
    """The derivation of a search at all its sides, made of copies."""

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

    def holds(self, code: CodeType, changed: CodeType) -> bool:
        """Tell whether a changed function makes every gradient right at all sides."""
        with self._changed(code, changed):
            return all(self._is_right(side, subject) for side, subject in self.sides)

    def switches_off(self, code: CodeType, changed: CodeType) -> bool:
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

    def _is_right(self, side: Side, subject: Subject) -> bool:
        try:
            with side.clock.at_most(SECONDS):
                return not side.wrong(subject.run(_Counted(side.trace.calls)))
        except OutOfTimeError:
            side.clock.check()
            return False
        except Exception:  # what does not run is no repair
            return False


def workshop(search: Search) -> Workshop | None:
    """Return the copies where a derivation is somebody's own function of which a copy can be changed."""
    function = search.one.subject.derivation.function
    if not isinstance(function, FunctionType) or not function.__module__ or hasattr(function, "prepare"):
        return None
    if is_machinery(unwrap(function).__code__) or search.one.trace.calls > MOST_CALLS:
        return None
    try:
        return Workshop(search)
    except RecursionError:  # a module that holds itself
        return None


def _choices(trace: Trace) -> int:
    """Count the steps that make a mask of which some elements hold and others do not."""
    masks = (step.value for step in trace.steps.values() if step.value.dtype == torch.bool)
    return sum(bool(mask.any()) and not bool(mask.all()) for mask in masks)
