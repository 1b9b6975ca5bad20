"""What low precision does to a gradient, and what a gradient does in low precision."""

import dataclasses
import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.spec import DTYPES
from runner.checks.scales import Trial, case_if_any, trials
from runner.checks.subject import Subject, check
from runner.diagnose import say
from runner.errors import reason
from runner.judge.accuracy import Accuracy
from runner.judge.judgement import Outcome
from runner.judge.loss import loss

AUTOGRAD = 4  # times what autograd loses is excused, as in the accuracy bound
SHRINKS = 1000  # times, at least, that a stronger dtype makes of a loss; rounding shrinks 2^13-fold or more


@check("full")
def every_dtype(subject: Subject) -> Iterator[Outcome]:
    """The gradient has the right shape and dtype in each dtype in which forward has kernels."""
    for name in DTYPES:
        case = subject.once(f"dtype {name}", partial(case_if_any, subject.small(dtype=name)))
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
    for trial in subject.once("precision", lambda: list(trials(subject))):
        excused = Accuracy(trial.case, subject.derivation, trial.truth)
        for wrt, gradient in subject.differentiate(trial.case).items():
            if not compare.mismatch(gradient, trial.of_autograd[wrt]):
                lost = _loss(subject, trial, gradient, excused, wrt, measure=wrt not in known)
                if not lost.holds and wrt not in known:
                    known.add(wrt)
                    lost = _confirmed(subject, trial, gradient, lost)
                yield lost


def _confirmed(subject: Subject, trial: Trial, gradient: Tensor, lost: Outcome) -> Outcome:
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
    subject: Subject, trial: Trial, gradient: Tensor, excused: Accuracy, wrt: str, *, measure: bool
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
