"""How much a dtype may lose: the accuracy bound, with the terms that take a measurement of their own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.formula.derivation import Derivation
from runner.judge import manual, reference

FORWARD = 4
"""Times the forward's own relative error: a gradient is no more accurate than the results that it uses."""
CANCELS = 8
"""Times what one rounding moves, of the upstream gradient or of what forward has stored."""


@dataclass(frozen=True)
class Accuracy:
    """What is excused in the dtype of a case."""

    case: Case
    derivation: Derivation

    def bound(self, truth: Tensor, wrt: str, autograd_error: float, error: float) -> float:
        """Return the largest error that is excused; what takes a measurement is measured if need be."""
        size = compare.magnitude(truth)
        plain = compare.accuracy_bound(size, self.case.dtype, self.case.terms, autograd_error)
        if error <= plain:
            return plain
        moved = self._cancelled({wrt: truth}) + self._stored(truth, wrt)
        return plain + FORWARD * self._of_forward * size + CANCELS * moved

    def between_calls(self, truth: Tensor, wrt: str) -> float:
        """Return how far two calls may be apart: inputs and what forward stored are the same for both."""
        size = compare.magnitude(truth)
        plain = compare.accuracy_bound(size, self.case.dtype, self.case.terms, math.inf)
        return plain + CANCELS * self._cancelled({wrt: truth})

    @cached_property
    def exact(self) -> Case:
        """The same case in float64, which is made only where the plain bound does not do."""
        return reference.in_float64(self.case)

    @cached_property
    def _of_forward(self) -> float:
        """Return the largest error of forward's results in this dtype, relative to the largest of each."""
        errors = (_relative(self.case.results[n], right) for n, right in self.exact.results.items())
        return max((error for error in errors if math.isfinite(error)), default=0.0)

    def _cancelled(self, truth: Mapping[str, Tensor]) -> float:
        """Return how far the truth moves when the upstream gradient is rounded to this dtype."""
        differentiate = reference.of_kind(self.derivation.kind)
        (floor,) = reference.rounding_floor(self.exact, truth, differentiate, upstream_only=True).values()
        return floor * compare.unit_roundoff(self.case.dtype) / reference.UNIT

    def _stored(self, truth: Tensor, wrt: str) -> float:
        """Return how far a derivation is moved by the dtype in which forward stores what it hands on."""
        dtype = self.case.dtype

        def rounded(result: Tensor) -> Tensor:
            return result.to(dtype).to(result.dtype) if result.is_floating_point() else result

        try:
            cases = (self.exact, self.exact.with_results(rounded))
            still, moved = (manual.gradients(case, self.derivation)[wrt] for case in cases)
        except Exception:  # a kernel of one dtype has no such measurement
            return 0.0
        return compare.magnitude(moved - still) if moved.shape == truth.shape else 0.0


def _relative(result: Tensor, right: Tensor) -> float:
    size = compare.magnitude(right)
    if not result.is_floating_point() or not size or not torch.isfinite(result).all():
        return 0.0
    return compare.max_abs_error(result, right) / size
