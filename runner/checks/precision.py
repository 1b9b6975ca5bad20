"""What low precision does to a gradient, and what a gradient does in low precision."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.spec import DTYPES, Spec, draw
from runner.checks.subject import Subject, check
from runner.errors import reason
from runner.judge import reference
from runner.judge.findings import Finding
from runner.record import spelled

LARGER = 16  # times the small shape, where sums are long enough to show how they are kept
VARIATIONS = ((1.0, 0.0), (1e-4, 0.0), (8.0, 0.0), (300.0, 0.0), (1.0, 1000.0))  # scale, offset
MOST_ELEMENTS = 2**16

Gradients = Mapping[str, Tensor]


@check("full")
def every_dtype(subject: Subject) -> Iterator[Finding]:
    """The gradient has the input's shape and dtype in each dtype in which forward has kernels."""
    for name in DTYPES:
        case = subject.once(f"dtype {name}", lambda name=name: _drawn(subject.small(dtype=name)))  # type: ignore[misc]
        if case is None:
            continue
        try:
            found = subject.gradients(case)
        except Exception as error:  # to refuse a dtype is legal, to give another is not
            yield Finding("every_dtype", f"not in {name}: {reason(error)}", verdict="")
            continue
        for wrt, gradient in found.items():
            if not subject.is_jacobian and compare.mismatch(gradient, case.inputs[wrt]):
                message = f"in {name} {compare.mismatch_in_words(gradient, case.inputs[wrt])}"
                yield Finding("every_dtype", message, wrt)


@check("full")
def precision(subject: Subject) -> Iterator[Finding]:
    """In the experiment's dtype, longer sums and other scales lose no more than the bound allows."""
    if subject.spec.dtype == "float64":
        return
    for condition, case, here, truth in subject.once("precision", lambda: list(_cases(subject))):
        found = subject.gradients(case)
        for wrt, gradient in found.items():
            if compare.mismatch(gradient, here[wrt]):
                continue
            if said := _loss(subject, case, gradient, here[wrt], truth[wrt]):
                yield Finding("precision", f"{condition}: {said}", wrt, "inaccurate", compared=True)


def _loss(subject: Subject, case: Case, gradient: Tensor, own: Tensor, truth: Tensor) -> str:
    """Say how much more accuracy is lost than the bound, or autograd itself, excuses; or nothing.

    A NaN or Inf is a loss where the truth is within the dtype's range, and forward or autograd is finite.
    """
    errors = compare.measure(gradient, truth)
    if errors.nonfinite:
        possible = _finite([own]) or _finite(case.results.values())
        fits = errors.size < torch.finfo(gradient.dtype).max
        return f"{errors.nonfinite} elements are not finite, where the truth is" if possible and fits else ""
    autograd_error = compare.max_abs_error(own, truth)
    bound = compare.accuracy_bound(errors.size, gradient.dtype, case.terms, math.inf)
    bound = max(bound, compare.correctness_bound(errors.size, 0.0, case.upstream_size))
    if math.isfinite(autograd_error):
        bound = max(bound, 4 * autograd_error)
    if subject.is_jacobian or errors.max_abs <= bound:
        return ""
    return f"off by {errors.in_u:.3g} u, where {errors.in_u * bound / errors.max_abs:.3g} u are excused"


def _finite(tensors: Iterable[Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


def _cases(subject: Subject) -> Iterator[tuple[str, Case, Gradients, Gradients]]:
    small = subject.small(dtype=subject.spec.dtype)
    differentiate = reference.jacobians if subject.is_jacobian else reference.plain_autograd
    for spec in (small,) if subject.is_jacobian else (small, _larger(subject, small)):
        for scale, offset in VARIATIONS:
            inputs = dataclasses.replace(spec.inputs, scale=scale * spec.inputs.scale, offset=offset)
            case = _drawn(dataclasses.replace(spec, inputs=inputs))
            if case is not None:
                here = reference.jacobians(case) if subject.is_jacobian else reference.autograd(case)
                truth = differentiate(reference.in_float64(case))
                condition = f"inputs times {scale:g}, plus {offset:g}, {spelled(spec.shape)}"
                yield condition, case, here, truth


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


def _drawn(spec: Spec) -> Case | None:
    try:
        return draw(spec)
    except Exception:  # forward has no kernel for this dtype
        return None
