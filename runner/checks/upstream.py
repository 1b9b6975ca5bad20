"""A vector-Jacobian product is linear in its vector, whatever that is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.subject import Subject, Tensors, check, cloned, not_repeated
from runner.compare import identical_bits, magnitude, max_abs_error, mismatch, unit_roundoff
from runner.diagnose import Statement, say
from runner.judge import reference
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

NAME = "linear_in_upstream"
SMALL = 24  # as an exponent of 2: 6e-8, below every eps that is added to a number near 1
LOSS_SCALE = 10  # as an exponent of 2, of which float16 has room for 16
SUBNORMAL = 64  # smallest normal numbers that may go where a product on the way is subnormal
ROUNDING = 1e3  # unit roundoffs of a gradient, whose own size a wrong one may have far beyond the truth's


@check("full")
def linear_in_upstream(subject: Subject) -> Iterator[Outcome]:
    """g(2u - 3v) = 2 g(u) - 3 g(v), and the gradient is right for an upstream that is not ones."""
    if not subject.derivation.kind.takes_upstream:
        return
    u, v = (case_of(subject.small(seed=subject.spec.seed + i)) for i in range(2))
    v = u.with_upstream(v.upstream)
    both = {name: 2 * u.upstream[name] - 3 * v.upstream[name] for name in u.upstream}
    mixed = u.with_upstream(both)
    sample = subject.once(
        "mixed upstream", lambda: subject.sample_of("an upstream gradient of 2u - 3v", mixed)
    )
    of_u, of_v, of_both = (cloned(subject.differentiate(case)) for case in (u, v, mixed))
    elsewhere = subject.differentiate(case_of(subject.small(seed=subject.spec.seed + 2)))
    for wrt, gradient in of_both.items():
        if not mismatch(gradient, u.inputs[wrt]):  # else another check's outcome
            outcome = _linear(wrt, gradient, of_u[wrt], of_v[wrt], sample)
            if not outcome.holds:
                outcome = _remembered(subject, u, outcome, gradient, elsewhere[wrt])
            if not outcome.holds and _comes_and_goes(subject, wrt, (u, of_u), (v, of_v), (mixed, of_both)):
                again = not_repeated(wrt, gradient, subject.differentiate(mixed).get(wrt))
                outcome = Outcome(check="repeatable", wrt=wrt, broken=again)
            yield outcome
    yield from subject.compare(sample, NAME)


def _comes_and_goes(subject: Subject, wrt: str, *calls: tuple[Case, Tensors]) -> bool:
    """Make the same calls again, and tell whether one gives what rounding does not explain."""
    for case, before in calls:
        spread = subject.spread(case, wrt, before, subject.differentiate(case))
        if spread is None or not spread.is_rounding:
            return True
    return False


def _remembered(
    subject: Subject, case: Case, outcome: Outcome, gradient: Tensor, elsewhere: Tensor
) -> Outcome:
    """Blame memory, not the upstream gradient, for arbitrary numbers that other inputs give as well."""
    if not identical_bits(gradient, elsewhere) or len(torch.unique(gradient)) < 3:
        return outcome
    ones = case.with_upstream({name: torch.ones_like(value) for name, value in case.upstream.items()})
    due = subject.once("upstream of ones", lambda: subject.sample_of("an upstream gradient of ones", ones))
    if due.ratio(outcome.wrt, max_abs_error(gradient, due.truth[outcome.wrt])) <= 1:
        return outcome  # of a linear formula, whose gradient depends on nothing else
    said = say("remembered", wrt=outcome.wrt)
    return Outcome(check="independent_of_history", wrt=outcome.wrt, broken=said)


def _linear(wrt: str, of_both: Tensor, of_u: Tensor, of_v: Tensor, sample: Sample) -> Outcome:
    parts = torch.where(of_both.isfinite(), 2 * of_u - 3 * of_v, of_both)
    error = max_abs_error(of_both, parts)
    off = max_abs_error(of_both, sample.truth[wrt])
    if identical_bits(of_u, of_v) and not sample.ratio(wrt, off) <= 1:
        return Outcome(check=NAME, wrt=wrt, broken=say("upstream_ignored", wrt=wrt), verdict="wrong")
    rounding = ROUNDING * unit_roundoff(of_both.dtype) * magnitude(of_both)
    if error <= rounding or sample.ratio(wrt, error / 5) <= 1:  # two more gradients, each rounded
        return Outcome(check=NAME, wrt=wrt)
    return Outcome(check=NAME, wrt=wrt, broken=say("not_linear", error=error), verdict="wrong")


@check("quick")
def scaled_upstream(subject: Subject) -> Iterator[Outcome]:
    """g(2^k u) = 2^k g(u) to the bit, at a scale by which losses are multiplied; g(0) = 0."""
    if not subject.derivation.kind.takes_upstream:
        return
    yield from _scaled(subject, 2.0**LOSS_SCALE, f"an upstream gradient times 2^{LOSS_SCALE}")
    yield from _scaled(subject, 0.0, "an upstream gradient of zeros")


@check("full")
def small_upstream(subject: Subject) -> Iterator[Outcome]:
    """g(2^-k u) = 2^-k g(u) to the bit, for gradients as small as those of a long mean."""
    if subject.derivation.kind.takes_upstream:
        small = f"an upstream gradient times 2^{-SMALL}"
        for outcome in _scaled(subject, 2.0**-SMALL, small):
            yield replace(outcome, check="small_upstream")


def _scaled(subject: Subject, factor: float, condition: str) -> Iterator[Outcome]:
    upstream = {name: factor * value for name, value in subject.case.upstream.items()}
    case = subject.case.with_upstream(upstream)
    if not all(bool(value.isfinite().all()) for value in upstream.values()):
        return
    gradients = subject.differentiate(case)
    for wrt, gradient in gradients.items():
        if wrt in subject.gradients and not mismatch(gradient, subject.gradients[wrt]):
            lost = _not_scaled(gradient, subject.gradients[wrt], factor)
            if lost and factor and _is_rounding(subject, wrt, gradient / factor):
                lost = None
            if lost and lost.name == "overflows_when_scaled" and _overflows_for_autograd(case, wrt):
                lost = None
            about: dict[str, Any] = {"check": "scaled_upstream", "wrt": wrt, "compared": True}
            if lost and not factor and identical_bits(gradient, subject.gradients[wrt]):
                yield Outcome(**about, broken=say("upstream_ignored", wrt=wrt), verdict="wrong")
            else:
                yield Outcome(**about, condition=condition, broken=lost)


def _overflows_for_autograd(case: Case, wrt: str) -> bool:
    """Tell whether what lies between forward and input leaves the range of the dtype for autograd too."""
    return not bool(reference.by_library(case)[wrt].isfinite().all())


def _not_scaled(gradient: Tensor, plain: Tensor, factor: float) -> Statement | None:
    """Compare where neither of the two leaves the range of the dtype, in whose subnormals digits go."""
    info = torch.finfo(gradient.dtype)
    expected = plain.double() * factor
    inside = plain.isfinite() & (expected.abs() <= info.max / 2)
    error = torch.where(inside, gradient.double() - expected, 0).abs()
    allowed = SUBNORMAL * info.smallest_normal * max(factor, 1.0)
    if bool((error <= allowed).all()):
        return None
    lost = int((~(error <= allowed)).sum())
    if bool(gradient[~(error <= allowed)].isfinite().all()):
        return say("not_homogeneous", count=lost, factor=factor)
    return say("overflows_when_scaled", count=lost, factor=factor)


def _is_rounding(subject: Subject, wrt: str, gradient: Tensor) -> bool:
    """Tell whether rounding explains other bits: sums of another order, or a logarithm of the upstream."""
    spread = subject.spread(subject.case, wrt, subject.gradients, {wrt: gradient})
    return spread is not None and spread.is_rounding


@check("full")
def other_upstreams(subject: Subject) -> Iterator[Outcome]:
    """One-hot, sparse, negative and one-signed upstream gradients give the right result."""
    if subject.derivation.kind.takes_upstream:
        for sample in subject.once("upstreams", lambda: list(_samples(subject))):
            yield from subject.compare(sample, "other_upstreams")


def _samples(subject: Subject) -> Iterator[Sample]:
    case = case_of(subject.small())
    for name, change in UPSTREAMS.items():
        upstream = {output: change(value) for output, value in case.upstream.items()}
        yield subject.sample_of(name, case.with_upstream(upstream))


def _sliced(value: Tensor, axis: int, start: int) -> Tensor:
    """Set every second slice along an axis to zero."""
    kept = value.clone()
    if value.ndim:
        kept.transpose(0, axis)[start::2] = 0
    return kept


def _one_hot(value: Tensor, place: int) -> Tensor:
    hot = torch.zeros_like(value)
    if value.numel():
        hot.view(-1)[place] = value.reshape(-1)[place]
    return hot


UPSTREAMS: dict[str, Callable[[Tensor], Tensor]] = {
    "an upstream gradient that is zero but in one place": lambda value: _one_hot(value, 0),
    "an upstream gradient that is zero but in the last place": lambda value: _one_hot(value, -1),
    "an upstream gradient with rows of zeros": lambda value: _sliced(value, 0, 0),
    "an upstream gradient with columns of zeros": lambda value: _sliced(value, -1, 0),
    "an upstream gradient half of which is zero": lambda value: value * (value > 0),
    "a negative upstream gradient": lambda value: -value.abs(),
    "an upstream gradient of one sign": lambda value: 1 + value.abs(),
}
