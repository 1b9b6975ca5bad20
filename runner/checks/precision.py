"""What low precision does to a gradient, and what a gradient does in low precision."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.spec import DTYPES, Spec, case_of
from runner.checks.order import long_sums
from runner.checks.subject import Subject, check
from runner.diagnose import say
from runner.errors import reason
from runner.formula.kind import Kind
from runner.judge import reference
from runner.judge.judgement import Outcome
from runner.judge.loss import loss
from runner.judge.noise import rounding_of
from runner.record import spelled

LARGER = 16  # times the small shape, where sums are long enough to show how they are kept
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
    for condition, spec, case, of_autograd, truth in subject.once("precision", lambda: list(_cases(subject))):
        gradients = subject.differentiate(case)
        for wrt, gradient in gradients.items():
            if not compare.mismatch(gradient, of_autograd[wrt]):
                lost = _loss(subject, case, gradient, of_autograd[wrt], truth[wrt], wrt)
                lost = dataclasses.replace(lost, wrt=wrt, condition=condition)
                yield lost if lost.holds else _confirmed(subject, spec, case, gradient, truth[wrt], lost)


def _confirmed(
    subject: Subject, spec: Spec, case: Case, gradient: Tensor, truth: Tensor, lost: Outcome
) -> Outcome:
    """Judge a loss again in the strongest dtype: what does not shrink there is no rounding."""
    stronger = case.to(case.device, getattr(torch, subject.strongest))
    if stronger.dtype == case.dtype:
        return lost
    sample = dataclasses.replace(subject.sample_of(lost.condition, stronger), alone=(spec,))
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
    subject: Subject, case: Case, gradient: Tensor, of_autograd: Tensor, truth: Tensor, wrt: str
) -> Outcome:
    """Say how much more accuracy is lost than the bound, or autograd itself, excuses.

    A NaN or Inf is a loss where the truth is within the dtype's range, and forward or autograd is finite.
    A truth that is not finite itself shows no loss.
    """
    fine = Outcome(check="precision", verdict="inaccurate", compared=True)
    error, size = compare.max_abs_error(gradient, truth), compare.magnitude(truth)
    if not math.isfinite(error):
        count = compare.measure(gradient, truth).nonfinite
        possible = _finite([of_autograd]) or _finite(case.results.values())
        fits = size < torch.finfo(gradient.dtype).max
        lost = say("not_finite", count=count) if count and possible and fits else None
        return dataclasses.replace(fine, broken=lost)
    if subject.derivation.kind.order > 1:
        return fine
    bound = subject.rounding(case, truth, wrt, error)
    if not error <= bound:
        bound = max(bound, AUTOGRAD * _autograd_loses(subject, case, of_autograd, truth, wrt))
    if error <= bound:
        return fine
    return dataclasses.replace(fine, broken=loss(compare.measure(gradient, truth), bound, gradient.dtype))


def _autograd_loses(subject: Subject, case: Case, of_autograd: Tensor, truth: Tensor, wrt: str) -> float:
    """Return what autograd loses here, or may lose once its steps are rounded otherwise.

    Of the library and of the plain forward the one that loses less counts: a library that cancels is no
    excuse for a derivation of a forward that does not.
    """
    kind = subject.derivation.kind
    losses = [_lost_by(reference.by_library, of_autograd, case, kind, truth, wrt)]
    if case.formula.library is not None:
        with suppress(Exception):  # autograd may not know the steps of a forward in this dtype
            of_forward = reference.by_forward(case, kind)[wrt]
            losses.append(_lost_by(reference.by_forward, of_forward, case, kind, truth, wrt))
    return min(filter(math.isfinite, losses), default=0.0)


def _lost_by(differentiate: Any, found: Tensor, case: Case, kind: Kind, truth: Tensor, wrt: str) -> float:
    return max(compare.max_abs_error(found, truth), rounding_of(case, kind, wrt, differentiate))


def _finite(tensors: Iterable[Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


def _cases(subject: Subject) -> Iterator[tuple[str, Spec, Case, Gradients, Gradients]]:
    small, kind = subject.small(dtype=subject.spec.dtype), subject.derivation.kind
    for spec in (small,) if kind.order > 1 else (small, _larger(subject, small)):
        for scale, offset in VARIATIONS:
            inputs = dataclasses.replace(spec.inputs, scale=scale * spec.inputs.scale, offset=offset)
            moved = dataclasses.replace(spec, inputs=inputs)
            case = _case_of(moved)
            if case is not None and (both := _references(case, kind)):
                condition = f"inputs times {scale:g}, plus {offset:g}, {spelled(spec.shape)}"
                yield condition, moved, case, *both
    for condition, spec, case in long_sums(subject):
        same_sign = case.with_upstream({name: value.abs() for name, value in case.upstream.items()})
        if both := _references(same_sign, kind):
            yield f"an upstream of one sign, {condition}", spec, same_sign, *both


def _references(case: Case, kind: Kind) -> tuple[Gradients, Gradients] | None:
    """Return autograd's gradients in the case's dtype, and the truth; None where forward refuses either."""
    try:
        return reference.by_library(case, kind), reference.by_forward(reference.in_float64(case), kind)
    except Exception:  # what forward refuses is no fault of the derivation
        return None


def _larger(subject: Subject, spec: Spec) -> Spec:
    """Multiply every dimension, by less where the tensors would grow too large."""
    factor = LARGER
    while factor > 1:
        shape = {name: _times(size, factor) for name, size in spec.shape.items()}
        try:
            sizes = subject.case.formula.sizes(shape, spec.params)
        except ValueError:
            return spec
        if sum(map(math.prod, sizes.values())) <= MOST_ELEMENTS:
            return dataclasses.replace(spec, shape=shape)
        factor //= 2
    return spec


def _times(size: int | list[int], factor: int) -> int | list[int]:
    return [n * factor for n in size] if isinstance(size, list) else size * factor


def _case_of(spec: Spec) -> Case | None:
    try:
        return case_of(spec)
    except Exception:  # forward has no kernel for this dtype
        return None
