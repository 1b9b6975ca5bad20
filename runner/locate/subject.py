"""A derivation at one case, to be run and watched as often as it takes."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.formula.derivation import Derivation
from runner.formula.signature import signature
from runner.judge.manual import copied
from runner.locate.limit import Clock
from runner.locate.names import Names, following
from runner.locate.record import Recorder, Watch, memory
from runner.locate.trace import Trace, called, frozen


@dataclass(frozen=True)
class Subject:
    """A derivation at one case, to be run as often as it takes."""

    case: Case
    derivation: Derivation
    clock: Clock = field(default_factory=Clock)

    @property
    def asked(self) -> set[str]:
        """The values that the derivation is given by name; all where its own forward makes it ready."""
        values = self.case.values
        if self.derivation.runs_forward:
            return {*values}
        return {*signature(self.derivation.function).pick(values, rest=self.case.inputs)}

    def run(
        self,
        watch: Watch,
        names: Names | None = None,
        *,
        graph: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """Run it on copies, or on what is `given`, watched; `graph` records. Return its gradients.

        Raises what the derivation does, and OutOfTimeError where it does not end in time.
        """
        values = given or self.copies()
        bound = self.derivation.bound(values, self.case.inputs)
        watch.clock = self.clock
        with self.clock.alarm(), torch.enable_grad() if graph else torch.no_grad(), following(names), watch:
            result = called(bound)
        return self.derivation.by_name(result)

    def copies(self) -> dict[str, Any]:
        """Return copies of all that it may ask for."""
        return {name: copied(value) for name, value in self.case.values.items()}

    def record(self) -> Trace:
        """Run it once and return what it did."""
        recorder = Recorder()
        trace = recorder.trace
        given = self.copies()
        trace.gradients = self.run(recorder, Names(recorder, {}), given=given)
        trace.given = frozenset(memory(value) for value in given.values() if isinstance(value, Tensor))
        trace.calls = recorder.calls
        for name, tensor in trace.gradients.items():
            made = recorder.sources(tensor)
            trace.returned[name] = max(made) if made else None
            trace.entries[name] = recorder.entries.get((id(tensor), name), ())
            trace.entered[name] = recorder.entered.get(id(tensor), [])
        trace.gradients = {name: frozen(tensor) for name, tensor in trace.gradients.items()}
        return trace


def watched(run: Callable[[], Any]) -> tuple[Any, Recorder]:
    """Run a forward, watched, with recording on; return its result and the records."""
    recorder = Recorder()
    with torch.enable_grad(), following(Names(recorder, {})), recorder, nullcontext():
        result = called(run)
    return result, recorder
