"""Whether a step can be what is wrong, by what it depends on.

What a wrong step should be depends on no more than the step does, unless a factor or a term is missing
there. An input that the step does not depend on is drawn anew: the value that the step needs must stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import Spec
from runner.locate.case import small_case
from runner.locate.limit import Clock
from runner.locate.needs import CLOSE
from runner.locate.replay import Side
from runner.locate.search import Search, Values
from runner.locate.spot import Spot

Finding = Literal["alone", "lacks", "unknown"]


@dataclass(frozen=True)
class Alone:
    """The runs in which one input at a time is another."""

    search: Search
    spec: Spec
    clock: Clock

    @cached_property
    def variants(self) -> list[Side]:
        """One run for each floating input and upstream gradient."""
        return [*self._variants()]

    def _variants(self) -> Iterator[Side]:
        one = self.search.one
        for case in self._cases(one.subject.case):
            try:
                side = Side.of(case, one.shape, one.subject.derivation, self.clock)
            except Exception:  # an input that does not go with the others
                continue
            if [*side.trace.steps] == [*one.trace.steps] and not self._is_equal(side):
                yield side

    def _is_equal(self, side: Side) -> bool:
        """Tell whether nothing has changed that is compared."""
        return all(torch.equal(truth, side.truth[name]) for name, truth in self.search.one.truth.items())

    def _cases(self, case: Case) -> Iterator[Case]:
        other, shape = small_case(self.spec, 7, *self.search.one.of_size)
        if shape != self.search.one.shape:
            return
        for name, value in case.inputs.items():
            if value.is_floating_point() and other.inputs[name].shape == value.shape:
                yield case.with_inputs({name: other.inputs[name]})
        yield case.with_upstream(other.upstream)

    def finding(self, spot: Spot) -> Finding:
        """Tell whether what a spot needs goes with what it depends on."""
        values = self.search.needed(spot)
        if values is None or all(is_nothing(new, old) for new, old in zip(values, spot.values, strict=True)):
            return "unknown"  # nobody writes a line to make nothing but zeros
        same = [side for side in self.variants if self._is_same(side, spot)]
        if not all(self._repaired(side, spot, Values([*values])) for side in same):
            return "lacks"
        return "alone" if same else "unknown"

    def _is_same(self, side: Side, spot: Spot) -> bool:
        """Tell whether a spot has the same values in another run."""
        own = {binding.key: binding.value for binding in side.trace.bindings}
        pairs: list[tuple[Tensor, Tensor | None]] = [
            (step.value, side.trace.steps[step.index].value) for step in spot.steps
        ]
        pairs += [(binding.value, own.get(binding.key)) for binding in spot.bindings]
        return all(b is not None and a.shape == b.shape and bool((a == b).all()) for a, b in pairs)

    def _repaired(self, side: Side, spot: Spot, make: Values) -> bool:
        try:
            return not side.wrong(side.run(spot.steps, spot.bindings, make), CLOSE)
        except Exception:  # what does not fit is no repair
            return False


def is_nothing(new: Tensor, old: Tensor) -> bool:
    """Tell whether a value is zero, to the digits that solving for it leaves, beside what it was."""
    return not new.numel() or float(new.abs().max()) <= CLOSE * float(old.abs().max())
