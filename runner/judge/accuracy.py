"""How much a dtype may lose: the accuracy bound, with the terms that take a measurement of their own."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from runner import compare
from runner.case.case import Case
from runner.formula.derivation import Derivation
from runner.judge import manual, reference
from runner.judge.noise import rounding_of
from runner.judge.rounding import DRAWS, UNIT, Nudge, is_steady

FORWARD = 4
"""Times the forward's own relative error: a gradient is no more accurate than the results that it uses."""
CANCELS = 8
"""Times what one rounding moves, of the upstream gradient or of what forward has stored."""


@dataclass(frozen=True)
class Accuracy:
    """What is excused in the dtype of a case; what takes a measurement is measured once, for all inputs."""

    case: Case
    derivation: Derivation
    truth: Mapping[str, Tensor]

    def bound(self, wrt: str, autograd_error: float, error: float) -> float:
        """Return the largest error that is excused; one within the plain bound is measured no further."""
        size = compare.magnitude(self.truth[wrt])
        plain = compare.accuracy_bound(size, self.case.dtype, self.case.terms, autograd_error)
        if error <= plain:
            return plain
        if math.isfinite(autograd_error):  # else the cap alone counts; it may have been lucky here
            may_lose = max(autograd_error, self._of_autograd.get(wrt, 0.0))
            plain = compare.accuracy_bound(size, self.case.dtype, self.case.terms, may_lose)
            if not size:  # all cancels, and nothing is left to be relative to
                plain += 3 * may_lose
        moved = self._cancelled[wrt] + self._stored.get(wrt, 0.0)
        return plain + FORWARD * self._of_forward * size + CANCELS * moved

    def between_calls(self, wrt: str) -> float:
        """Return how far two calls may be apart: inputs and what forward stored are the same for both."""
        size = compare.magnitude(self.truth[wrt])
        plain = compare.accuracy_bound(size, self.case.dtype, self.case.terms, math.inf)
        return plain + CANCELS * self._cancelled[wrt]

    @cached_property
    def exact(self) -> Case:
        """The same case in float64, which is made only where the plain bound does not do."""
        return reference.in_float64(self.case)

    @cached_property
    def _of_autograd(self) -> dict[str, float]:
        """How far autograd's own gradients move once its steps are rounded otherwise, by an accumulator."""
        dtype = self.case.dtype
        part = compare.accumulator_roundoff(dtype) / compare.unit_roundoff(dtype)
        moved = rounding_of(self.case, self.derivation.kind, reference.by_library)
        return {wrt: part * by for wrt, by in moved.items()}

    @cached_property
    def _of_forward(self) -> float:
        """Return what forward's results lose beyond one rounding of each, relative to the largest of each.

        A derivation that makes them again on its way loses as much.
        """
        errors = (_lost(self.case.results[n], right) for n, right in self.exact.results.items())
        return max((error for error in errors if math.isfinite(error)), default=0.0)

    @cached_property
    def _cancelled(self) -> dict[str, float]:
        """How far the truth moves when each upstream gradient is rounded as the terms of a sum are."""
        differentiate = reference.of_kind(self.derivation.kind)
        floors = reference.rounding_floor(self.exact, self.truth, differentiate, upstream_only=True)
        part = compare.accumulator_roundoff(self.case.dtype) / UNIT
        return {wrt: floor * part for wrt, floor in floors.items()}

    @cached_property
    def _stored(self) -> dict[str, float]:
        """How far a derivation moves in float64 for what forward hands on, as its dtype holds it."""
        try:
            first = manual.gradients(self.exact, self.derivation)
            plain = {wrt: gradient.clone() for wrt, gradient in first.items()}
            again = manual.gradients(self.exact, self.derivation)
            dtypes = self._kept()
            moved = [self._rounded_otherwise(seed, dtypes) for seed in range(DRAWS)]
            moved.append(self._on(lambda name, right: self.case.results[name].to(right)))
            steady = [wrt for wrt in plain if is_steady(plain[wrt], again[wrt])]
            return {wrt: max(compare.magnitude(one[wrt] - plain[wrt]) for one in moved) for wrt in steady}
        except Exception:  # a kernel of one dtype has no such measurement
            return {}

    def _kept(self) -> list[torch.dtype]:
        """Return the dtypes of what a Function saves for its backward, in the experiment's own dtype."""
        dtypes: list[torch.dtype] = []

        def pack(tensor: Tensor) -> Tensor:
            dtypes.append(tensor.dtype)
            return tensor

        with saved_tensors_hooks(pack, _as_it_is):
            manual.gradients(self.case, self.derivation)
        return dtypes

    def _rounded_otherwise(self, seed: int, dtypes: Sequence[torch.dtype]) -> dict[str, Tensor]:
        """Call the derivation in float64 with all that forward hands on moved by its dtype's roundoff."""
        nudge, kept, found = Nudge(seed), iter(dtypes), self.case.results

        def pack(tensor: Tensor) -> Tensor:
            dtype = next(kept)
            own = any(compare.identical_bits(tensor, value) for value in self.exact.inputs.values())
            if own or not tensor.is_floating_point():
                return tensor  # an input is what it is
            return nudge(tensor, compare.unit_roundoff(dtype))

        def change(name: str, right: Tensor) -> Tensor:
            if not right.is_floating_point():
                return right
            return nudge(right, compare.unit_roundoff(found[name].dtype))

        with saved_tensors_hooks(pack, _as_it_is):
            return self._on(change)

    def _on(self, change: Callable[[str, Tensor], Tensor]) -> dict[str, Tensor]:
        """Call the derivation in float64 on changed results, if it takes the reference's."""
        case = self.exact if self.derivation.runs_forward else self.exact.with_results(change)
        return manual.gradients(case, self.derivation)


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def _lost(result: Tensor, right: Tensor) -> float:
    """Return a result's relative error beyond the rounding of the result itself."""
    size = compare.magnitude(right)
    if not result.is_floating_point() or not size or not torch.isfinite(result).all():
        return 0.0
    return max(compare.max_abs_error(result, right) / size - compare.unit_roundoff(result.dtype), 0.0)
