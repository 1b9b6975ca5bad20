"""Where a dtype shows what it loses: at longer sums and other scales than the experiment's own."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.spec import Spec, case_of
from runner.checks.budget import Growth, elements, priced
from runner.checks.dimensions import is_legal
from runner.checks.order import long_sums
from runner.checks.subject import Subject
from runner.compare import ACCUMULATOR_ROUNDOFF
from runner.formula.kind import Kind
from runner.judge import reference
from runner.judge.noise import rounding_of
from runner.judge.underflow import underflows
from runner.record import spelled

LARGER = (1, 2, 4, 8, 16)  # times the small shape, where sums are long enough to show how they are kept
MOST_COST = 2**22  # of forward, as a budget has it
VARIATIONS = ((1.0, 0.0), (1e-4, 0.0), (8.0, 0.0), (300.0, 0.0), (1.0, 1000.0))  # scale, offset
MOST_ELEMENTS = 2**16

Gradients = Mapping[str, Tensor]


@dataclass(frozen=True)
class Trial:
    """A case in the experiment's dtype, autograd's gradients there, and the truth."""

    condition: str
    spec: Spec
    case: Case
    kind: Kind
    of_autograd: Gradients
    truth: Gradients

    def could_be_finite(self, wrt: str, gradient: Tensor) -> bool:
        """Tell whether what is not finite in a gradient could have been, as forward or autograd show."""
        if not _finite([self.of_autograd[wrt]]) and not _finite(self.case.results.values()):
            return False
        damaged = ~gradient.isfinite() & self.truth[wrt].isfinite()
        return not self._underflows or bool((damaged & self._far_within[wrt].isfinite()).any())

    @cached_property
    def _underflows(self) -> bool:
        return underflows(self.case)

    @cached_property
    def _far_within(self) -> Gradients:
        """Autograd's gradients, nearer to the end of the range by what the subnormal numbers span in float32.

        By so much the reciprocals of two ways may differ. In float16 a normal number times 2^13 is in range.
        """
        factor = min(0.5 / ACCUMULATOR_ROUNDOFF, torch.finfo(self.case.dtype).max / 8)
        larger = {name: value * factor for name, value in self.case.upstream.items()}
        return reference.by_library(self.case.with_upstream(larger), self.kind)

    def autograd_loses(self, wrt: str) -> float:
        """Return what autograd loses here, or may lose once its steps are rounded otherwise.

        Of the library and of the plain forward the one that loses less counts: a library that cancels is no
        excuse for a derivation of a forward that does not.
        """
        return min((lost[wrt] for lost in self._losses if math.isfinite(lost[wrt])), default=0.0)

    @cached_property
    def _losses(self) -> list[dict[str, float]]:
        losses = [self._lost_by(reference.by_library, self.of_autograd)]
        if self.case.formula.library is not None:
            with suppress(Exception):  # autograd may not know the steps of a forward in this dtype
                losses.append(self._lost_by(reference.by_forward, reference.by_forward(self.case, self.kind)))
        return losses

    def _lost_by(self, differentiate: Any, found: Gradients) -> dict[str, float]:
        moved = rounding_of(self.case, self.kind, differentiate)
        lost = {wrt: compare.max_abs_error(found[wrt], truth) for wrt, truth in self.truth.items()}
        return {wrt: max(error, moved.get(wrt, 0.0)) for wrt, error in lost.items()}


def trials(subject: Subject) -> Iterator[Trial]:
    """Yield a case of each scale and length, drawn once for all derivations."""
    small, kind = subject.small(dtype=subject.spec.dtype), subject.derivation.kind
    for spec in (small,) if kind.order > 1 else (small, _larger(subject, small)):
        for scale, offset in VARIATIONS:
            inputs = dataclasses.replace(spec.inputs, scale=scale * spec.inputs.scale, offset=offset)
            moved = dataclasses.replace(spec, inputs=inputs)
            case = case_if_any(moved)
            if case is not None and (both := _references(case, kind)):
                condition = f"inputs times {scale:g}, plus {offset:g}, {spelled(spec.shape)}"
                yield Trial(condition, moved, case, kind, *both)
    for condition, spec, case in long_sums(subject):
        same_sign = case.with_upstream({name: value.abs() for name, value in case.upstream.items()})
        if both := _references(same_sign, kind):
            yield Trial(f"an upstream of one sign, {condition}", spec, same_sign, kind, *both)


def _references(case: Case, kind: Kind) -> tuple[Gradients, Gradients] | None:
    """Return autograd's gradients in the case's dtype, and the truth; None where forward refuses either."""
    try:
        return reference.by_library(case, kind), reference.by_forward(reference.in_float64(case), kind)
    except Exception:  # what forward refuses is no fault of the derivation
        return None


def _larger(subject: Subject, spec: Spec) -> Spec:
    """Multiply every dimension, by less where the tensors would grow too large."""
    known, larger = Growth(), spec
    for factor in LARGER:
        shape = {name: _times(size, factor) for name, size in spec.shape.items()}
        if not is_legal(subject.case.formula, shape, spec.params) or elements(subject, shape) > MOST_ELEMENTS:
            break
        if known.at(factor) > MOST_COST:
            break
        larger = dataclasses.replace(spec, shape=shape)
        _, price = priced(partial(case_if_any, larger))
        known = known.learned(factor, price)
    return larger


def _times(size: int | list[int], factor: int) -> int | list[int]:
    return [n * factor for n in size] if isinstance(size, list) else size * factor


def case_if_any(spec: Spec) -> Case | None:
    """Draw a case; None where forward cannot be evaluated."""
    try:
        return case_of(spec)
    except Exception:  # forward has no kernel for this dtype
        return None


def _finite(tensors: Iterable[Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors)
