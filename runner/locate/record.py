"""Watches the calls of PyTorch in a run, and makes a record of each that makes a tensor."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten

from runner.locate.limit import Clock, OutOfTimeError
from runner.locate.place import Line, Place, is_machinery_file, place_of
from runner.locate.trace import ROOT, Step, Trace, frozen, is_in_place, tensors_of

NUMBERS = frozenset({"item", "__bool__", "__float__", "__int__", "__index__", "tolist", "numpy", "__array__"})
"""Calls by which a tensor's values become Python's, and may decide what is done next."""


class Watch(TorchFunctionMode):
    """Counts the calls of PyTorch in a run while there is time, and lets a subclass see them."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.clock = Clock()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.clock.check()
        index, self.calls = self.calls, self.calls + 1
        return self.see(index, func, args, kwargs or {})

    def see(self, index: int, func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
        """Make the call, and return what it gives."""
        return func(*args, **kwargs)


MOST_RECORDED = 20_000
"""Calls of a run: a loop that never ends has none of the memory left before its time is over."""


class Recorder(Watch):
    """Makes the records of a run."""

    def __init__(self) -> None:
        super().__init__()
        self.trace = Trace()
        self.alive: list[Tensor] = []  # so that no identity is used twice
        self.maker: dict[int, int] = {}  # step by the identity of its result
        self.writers: dict[int, list[int]] = {}  # steps by the memory that they wrote to
        self.returns: dict[
            int, tuple[Line, int]
        ] = {}  # the line of a helper that returned a tensor, and when
        self.entries: dict[
            tuple[int, Any], Place
        ] = {}  # the line that put a tensor under a key of a dict first
        self.entered: dict[int, list[Place]] = {}  # the lines that put it under one key after another
        self.numbers: list[tuple[float, Line]] = []  # what helpers returned that is no tensor

    def see(self, index: int, func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
        """Record a call that makes a tensor; one that returns what it was given is passed over."""
        if index > MOST_RECORDED:
            raise OutOfTimeError
        given = tensors_of((args, dict(kwargs)))
        before = [frozen(tensor) for tensor in given]
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name in NUMBERS:
            self.trace.reads_numbers = True
        writes = is_in_place(name) or "out" in kwargs
        made = [given[0]] if writes and given else tensors_of(result)
        if not made or (not writes and any(made[0] is tensor for tensor in given)):
            return result
        sources = frozenset(step for tensor in given for step in self.sources(tensor))
        place = place_of(sys._getframe(2), ROOT)
        step = Step(
            index, func, name, args, kwargs, place, before, [frozen(t) for t in made], writes, sources
        )
        step.nodes = [tensor.grad_fn for tensor in made]
        step.place = self._with_helpers(step, given)
        step.memory = memory(made[0])
        self.trace.steps[index] = step
        for tensor in made:
            self.alive.append(tensor)
            if not writes:
                self.maker[id(tensor)] = index
            if writes or not any(same_memory(tensor, other) for other in given):
                self.writers.setdefault(memory(tensor), []).append(index)
        return result

    def enter(self, tensor: Tensor, key: Any, place: Place) -> None:
        """Note the line that puts a tensor under a key of a dict."""
        self.alive.append(tensor)
        self.entries[id(tensor), key] = place
        self.entered.setdefault(id(tensor), []).append(place)

    def sources(self, tensor: Tensor) -> set[int]:
        """Return the steps that a tensor's numbers come from."""
        made = {self.maker[id(tensor)]} if id(tensor) in self.maker else set()
        return made | {*self.writers.get(memory(tensor), ())}

    def _with_helpers(self, step: Step, given: list[Tensor]) -> Place:
        """Add helpers that returned a number which the step uses; for the machinery, what gave it tensors."""
        if step.place and is_machinery_file(step.place[0]):
            lines = dict.fromkeys(self.returns[id(t)][0] for t in given if id(t) in self.returns)
            return tuple(lines) or step.place
        helpers = (replace(line, gives=True) for line in self._helpers(step) if line not in step.place)
        return (*step.place, *helpers)

    def _helpers(self, step: Step) -> Iterable[Line]:
        """Return lines of helpers that returned a number which the step uses."""
        numbers = {
            part for part in tree_flatten((step.args, dict(step.kwargs)))[0] if type(part) in (int, float)
        }
        return dict.fromkeys(line for value, line in self.numbers[-8:] if value in numbers)


def memory(tensor: Tensor) -> int:
    """Return what tells one memory from another."""
    return int(tensor.untyped_storage()._cdata)


def same_memory(one: Tensor, other: Tensor) -> bool:
    """Tell whether one tensor is a view of the other's memory."""
    return memory(one) == memory(other)
