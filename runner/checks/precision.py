"""What low precision does to a gradient, and what a gradient does in low precision."""

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
from runner.case.spec import DTYPES, Spec, case_of
from runner.checks.budget import Growth, elements, priced
from runner.checks.dimensions import is_legal
from runner.checks.order import long_sums
from runner.checks.subject import Subject, check
from runner.compare import ACCUMULATOR_ROUNDOFF
from runner.diagnose import say
from runner.errors import reason
from runner.formula.kind import Kind
from runner.judge import reference
from runner.judge.accuracy import Accuracy
from runner.judge.judgement import Outcome
from runner.judge.loss import loss
from runner.judge.noise import rounding_of
from runner.judge.underflow import underflows
from runner.record import spelled

LARGER = (1, 2, 4, 8, 16)  # times the small shape, where sums are long enough to show how they are kept
MOST_COST = 2**22  # of forward, as a budget has it
VARIATIONS = ((1.0, 0.0), (1e-4, 0.0), (8.0, 0.0), (300.0, 0.0), (1.0, 1000.0))  # scale, offset
MOST_ELEMENTS = 2**16
AUTOGRAD = 4  # times what autograd loses is excused, as in the accuracy bound
SHRINKS = 1000  # times, at least, that a stronger dtype makes of a loss; rounding shrinks 2^13-fold or more

Gradients = Mapping[str, Tensor]


@check("full")
def every_dtype(subject: Subject) -> Iterator[Outcome]:
    """The gradient has the right shape and dtype in each dtype in which forward has kernels."""
    for name in DTYPES:
        case = subject.once(f"dtype {name}", partial(_case_of, subject.small(dtype=name)))
        if case is not None:
            yield from _in_dtype(subject, case, name)


def _in_dtype(subject: Subject, case: Case, name: str) -> Iterator[Outcome]:
    try:
        gradients = subject.differentiate(case)
    except Exception as error:  # to refuse a dtype is legal, to give another is not
        refused = say("no_kernel", dtype=name, reason=reason(error))
        yield Outcome(check="every_dtype", broken=refused, verdict=None)
        return
    beyond = (
        torch.finfo(case.dtype).eps < torch.finfo(getattr(torch, subject.strongest)).eps
    )  # known not to be had
    for wrt, gradient in gradients.items():
        mismatch = compare.mismatch(gradient, _right_form(subject, case, wrt))
        broken = say("in_dtype", dtype=name, what=say("mismatch", **vars(mismatch))) if mismatch else None
        yield Outcome(check="every_dtype", wrt=wrt, broken=broken, verdict=None if beyond else "invalid")


def _right_form(subject: Subject, case: Case, wrt: str) -> Tensor:
    """Return a tensor of the shape, dtype and device that the derivative should have."""
    value, output = case.inputs[wrt], next(iter(case.upstream.values()))
    size = subject.derivation.kind.size(tuple(output.shape), tuple(value.shape))
    return value.new_empty(()).expand(size)


@check("full")
def precision(subject: Subject) -> Iterator[Outcome]:
    """In the experiment's dtype, longer sums and other scales lose no more than the bound allows."""
    if subject.spec.dtype == "float64":
        return
    known = {*subject.wrong}  # to be off: whether rounding excuses it is not asked again
    for trial in subject.once("precision", lambda: list(_trials(subject))):
        excused = Accuracy(trial.case, subject.derivation, trial.truth)
        for wrt, gradient in subject.differentiate(trial.case).items():
            if not compare.mismatch(gradient, trial.of_autograd[wrt]):
                lost = _loss(subject, trial, gradient, excused, wrt, measure=wrt not in known)
                if not lost.holds and wrt not in known:
                    known.add(wrt)
                    lost = _confirmed(subject, trial, gradient, lost)
                yield lost


@dataclass(frozen=True)
class _Trial:
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


def _confirmed(subject: Subject, trial: _Trial, gradient: Tensor, lost: Outcome) -> Outcome:
    """Judge a loss again in the strongest dtype: what does not shrink there is no rounding."""
    case, truth = trial.case, trial.truth[lost.wrt]
    stronger = case.to(case.device, getattr(torch, subject.strongest))
    if stronger.dtype == case.dtype:
        return lost
    sample = dataclasses.replace(subject.sample_of(lost.condition, stronger), alone=(trial.spec,))
    again = subject.differentiate(stronger).get(lost.wrt)
    if again is None or compare.mismatch(again, truth.to(again)):
        return lost
    before, after = _error(gradient, truth), _error(again, truth)
    if sample.ratio(lost.wrt, after) <= 1 or SHRINKS * after < before:
        return lost
    outcomes = subject.compare(sample, "precision")
    return next((outcome for outcome in outcomes if outcome.wrt == lost.wrt), lost)


def _error(gradient: Tensor, truth: Tensor) -> float:
    """Return the largest error where the truth is finite; that of zero where the gradient is not finite."""
    error = compare.max_abs_error(torch.where(truth.isfinite(), gradient.to(truth), truth), truth)
    return error if math.isfinite(error) else compare.magnitude(truth)


def _loss(
    subject: Subject, trial: _Trial, gradient: Tensor, excused: Accuracy, wrt: str, *, measure: bool
) -> Outcome:
    """Say how much more accuracy is lost than the bound, or autograd itself, excuses.

    A NaN or Inf is a loss where the truth is within half of the dtype's range, as what rounds in a network
    may leave it before its truth does, and forward or autograd is finite. Where forward makes subnormal
    numbers on its way, whose reciprocals overflow, autograd is to be finite at the very elements, and far
    from the end of the range.
    A truth that is not finite itself shows no loss. What takes a measurement is left out without `measure`.
    """
    fine = Outcome(check="precision", wrt=wrt, condition=trial.condition, verdict="inaccurate", compared=True)
    case, truth = trial.case, trial.truth[wrt]
    error, size = compare.max_abs_error(gradient, truth), compare.magnitude(truth)
    if not math.isfinite(error):
        count = compare.measure(gradient, truth).nonfinite
        fits = size <= torch.finfo(gradient.dtype).max / 2
        if not (count and fits and trial.could_be_finite(wrt, gradient)):
            return fine
        return dataclasses.replace(fine, broken=say("not_finite", count=count))
    if subject.derivation.kind.order > 1:
        return fine
    correct = compare.correctness_bound(size, 0.0, case.upstream_size)
    bound = max(excused.bound(wrt, math.inf, error if measure else 0.0), correct)
    if measure and not error <= bound:
        bound = max(bound, AUTOGRAD * trial.autograd_loses(wrt))
    if error <= bound:
        return fine
    return dataclasses.replace(fine, broken=loss(compare.measure(gradient, truth), bound, gradient.dtype))


def _finite(tensors: Iterable[Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


def _trials(subject: Subject) -> Iterator[_Trial]:
    small, kind = subject.small(dtype=subject.spec.dtype), subject.derivation.kind
    for spec in (small,) if kind.order > 1 else (small, _larger(subject, small)):
        for scale, offset in VARIATIONS:
            inputs = dataclasses.replace(spec.inputs, scale=scale * spec.inputs.scale, offset=offset)
            moved = dataclasses.replace(spec, inputs=inputs)
            case = _case_of(moved)
            if case is not None and (both := _references(case, kind)):
                condition = f"inputs times {scale:g}, plus {offset:g}, {spelled(spec.shape)}"
                yield _Trial(condition, moved, case, kind, *both)
    for condition, spec, case in long_sums(subject):
        same_sign = case.with_upstream({name: value.abs() for name, value in case.upstream.items()})
        if both := _references(same_sign, kind):
            yield _Trial(f"an upstream of one sign, {condition}", spec, same_sign, kind, *both)


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
        _, price = priced(partial(_case_of, larger))
        known = known.learned(factor, price)
    return larger


def _times(size: int | list[int], factor: int) -> int | list[int]:
    return [n * factor for n in size] if isinstance(size, list) else size * factor


def _case_of(spec: Spec) -> Case | None:
    try:
        return case_of(spec)
    except Exception:  # forward has no kernel for this dtype
        return None
