"""A case in float64 under a condition, and what is right there."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.spec import Spec
from runner.formula.edge import Shape
from runner.judge import reference
from runner.judge.reference import Differentiate


@dataclass(frozen=True)
class Sample:
    """A case under a condition, and its truth: what `differentiate` gives in float64.

    At a kink moving the inputs would change sides, so there the noise of the truth is what moving the
    upstream gradient alone makes. `shape` is set where the shape is the condition; `alone` are the
    specifications, if there are any, one of which may show by itself what the sample shows.
    """

    condition: str
    case: Case
    truth: Mapping[str, Tensor]
    differentiate: Differentiate
    kink: bool = False
    shape: Shape | None = None
    alone: tuple[Spec, ...] = ()

    @classmethod
    def of(cls, condition: str, case: Case, differentiate: Differentiate, *, kink: bool = False) -> "Sample":
        """Compute the truth of a case."""
        return cls(condition, case, differentiate(reference.in_float64(case)), differentiate, kink)

    def ratio(self, wrt: str, error: float) -> float:
        """Return an error over its correctness bound; the truth's noise is measured only if need be.

        Right is what is <= 1, so that NaN is not.
        """
        if not error:
            return 0.0
        size = compare.magnitude(self.truth[wrt])
        without = reference.correctness_bound(self.case, size, 0.0, self.case.dtype)
        bound = without if error <= without else self.bound(wrt)
        return error / bound if bound else math.inf

    def bound(self, wrt: str, dtype: torch.dtype | None = None) -> float:
        """Return the correctness bound, in the dtype of the case or in another."""
        size = compare.magnitude(self.truth[wrt])
        return reference.correctness_bound(self.case, size, self._floors[wrt], dtype or self.case.dtype)

    @cached_property
    def _floors(self) -> Mapping[str, float]:
        """How far the truth moves by rounding alone, by input: measured once for all derivations."""
        exact = reference.in_float64(self.case)
        return reference.rounding_floor(exact, self.truth, self.differentiate, upstream_only=self.kink)
