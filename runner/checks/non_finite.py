"""A number that is not finite goes where it must, and nowhere else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isnan, nan

import torch
from torch import Tensor

from runner.case.case import Case
from runner.checks.budget import evenly, priced
from runner.checks.generic import with_all_digits
from runner.checks.subject import Subject, check
from runner.compare import max_abs_error, mismatch
from runner.diagnose import say
from runner.errors import reason
from runner.formula.raw_backward import ForwardDiffersError
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

VALUES = (nan, inf, -inf)
SAME = 1e-9  # relative: whatever another number changes by less, it has not reached
NAME = "non_finite"
SAMPLES = 8  # of each input
FAR = 8.0  # times a number and one: beyond what it is compared with
PLACES = (0.5, 0.0, 0.25, 0.75)
"""Where a number is changed, as parts of a tensor's length: the first that a gradient depends on."""


@dataclass(frozen=True)
class Spoilt:
    """A sample with one number that is not finite, and what its gradients must be, element by element.

    `settled` are those that autograd leaves finite, whatever convention it follows at the number itself;
    `reached` those that depend on the number, and that no finite result can be right for. `is_taken` where
    forward takes such an input, and all that it returns is finite.
    """

    sample: Sample
    settled: Mapping[str, Tensor]
    reached: Mapping[str, Tensor]
    is_taken: bool


@check("full")
def non_finite(subject: Subject) -> Iterator[Outcome]:
    """One NaN or Inf, in an input or in the upstream, is seen in what depends on it, and nowhere else.

    Where it meets 0 in a product, as in a sum over a mask, it goes further in one right formula than in
    another. That is a note, but where forward takes the number and stays finite.
    """
    if not subject.derivation.kind.takes_upstream:
        return
    spoilt, left_out = subject.once("non-finite", lambda: _drawn(subject))
    outcomes = [outcome for sample in spoilt for outcome in _compared(subject, sample)]
    if left_out:
        yield Outcome(check=NAME, broken=say("left_out", what=left_out), verdict=None)
    yield from (outcome for outcome in outcomes if outcome.verdict)
    yield from _noted([outcome for outcome in outcomes if not outcome.verdict])


def _noted(outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    """Tell each input's notes of one kind once."""
    said = ((outcome.wrt, outcome.broken.name) for outcome in outcomes if outcome.broken)
    for wrt, name in dict.fromkeys(said):
        alike = [one for one in outcomes if one.broken and (one.wrt, one.broken.name) == (wrt, name)]
        told = say("for_conditions", what=alike[0].broken, first=alike[0].condition, others=len(alike) - 1)
        yield replace(alike[0], condition="", broken=told)


def _drawn(subject: Subject) -> tuple[list[Spoilt], list[str]]:
    """Draw the samples of as many inputs as may be visited, and name the others."""
    case = with_all_digits(subject.small())
    _, price = priced(lambda: subject.sample_at("", case))
    inputs = evenly(free := subject.free(case), price, SAMPLES)
    names = [*inputs, *(f"grad_{output}" for output in case.upstream)]
    return [*_spoilt(subject, case, names)], [name for name in free if name not in inputs]


def _spoilt(subject: Subject, case: Case, names: Sequence[str]) -> Iterator[Spoilt]:
    base = subject.sample_at("finite numbers", case)
    if base is None:
        return
    for name in names:
        place, moved = _place(subject, case, name, base)
        far = _far_off(subject, case, name, place)
        for value in VALUES:
            changed = _changed(case, name, _constant(value), place)
            planted = subject.sample_at(f"{value:g} in {name}", changed)
            if moved and planted:
                yield _expected(planted, base, [moved, *far], name not in case.inputs, value)


def _place(subject: Subject, case: Case, name: str, base: Sample) -> tuple[float, Sample | None]:
    """Return where a number of a tensor matters to some gradient, and the sample with another number there.

    One in the middle may not, as the upstream gradient of a row that is padded.
    """
    found: tuple[float, Sample | None] = (PLACES[0], None)
    for place in PLACES:
        moved = subject.sample_at("another number", _changed(case, name, lambda number: -2 * number, place))
        if moved and any(not torch.equal(moved.truth[wrt], base.truth[wrt]) for wrt in base.truth):
            return place, moved
        found = found if found[1] else (place, moved)
    return found


def _far_off(subject: Subject, case: Case, name: str, place: float) -> list[Sample]:
    """Return samples with a large number of either sign there, on the other side of a comparison."""
    changes: list[Callable[[Tensor], Tensor]] = [
        lambda n: FAR * (1 + n.abs()),
        lambda n: -FAR * (1 + n.abs()),
    ]
    samples = (subject.sample_at("a number far off", _changed(case, name, one, place)) for one in changes)
    return [sample for sample in samples if sample]


def _constant(value: float) -> Callable[[Tensor], float]:
    return lambda number: value


def _changed(case: Case, name: str, change: Callable[[Tensor], Tensor | float], place: float) -> Case:
    """Change one number of an input, or of an upstream gradient, at a part of its length."""
    tensors = {**case.inputs, **{f"grad_{output}": value for output, value in case.upstream.items()}}
    changed = tensors[name].clone().contiguous()
    if changed.numel():
        flat = changed.view(-1)
        i = int(place * len(flat))
        flat[i] = change(flat[i])
    upstream = {output: changed if name == f"grad_{output}" else g for output, g in case.upstream.items()}
    return case.with_upstream(upstream) if name not in case.inputs else case.with_inputs({name: changed})


def _expected(
    planted: Sample, base: Sample, moved: Sequence[Sample], is_upstream: bool, value: float
) -> Spoilt:
    """Tell what depends on the number by moving it: another number there changes the gradient, or does not.

    The first of those moved decides what a NaN must reach, all of them what it leaves alone.
    The limit at an infinite input is what autograd says it is, if that is a number. What a NaN makes of a
    kink, and what 0 makes of an Inf, is a convention.
    """
    settled, reached = {}, {}
    for wrt, truth in planted.truth.items():
        kept = [torch.isclose(base.truth[wrt], one.truth[wrt], rtol=SAME, atol=0) for one in moved]
        depends = ~kept[0]
        if is_upstream or isnan(value):
            settled[wrt] = torch.stack(kept).all(0) & torch.isclose(truth, base.truth[wrt], rtol=SAME, atol=0)
            reached[wrt] = depends & ~truth.isfinite() & base.truth[wrt].isfinite()
        else:
            settled[wrt], reached[wrt] = truth.isfinite(), torch.zeros_like(depends)
    finite = all(bool(planted.case.results[output].isfinite().all()) for output in planted.case.upstream)
    return Spoilt(planted, settled, reached, finite and not is_upstream)


def _compared(subject: Subject, spoilt: Spoilt) -> Iterator[Outcome]:
    sample = spoilt.sample
    about = Outcome(check=NAME, condition=sample.condition, verdict="wrong", compared=True)
    try:
        gradients = subject.differentiate(sample.case)
    except ForwardDiffersError as error:  # at such numbers: no fault of the backward
        yield replace(about, broken=say("forward_differs", reason=str(error)), verdict=None)
        return
    except Exception as error:  # to refuse such numbers is legal
        yield replace(about, broken=say("raises", reason=reason(error)), verdict=None)
        return
    for wrt, gradient in gradients.items():
        if not mismatch(gradient, sample.case.inputs[wrt]):  # else another check's outcome
            outcome = _judged(replace(about, wrt=wrt), spoilt, gradient.to(sample.truth[wrt].device))
            yield outcome if outcome.holds else subject.confirmed(outcome, sample, gradient)


def _judged(about: Outcome, spoilt: Spoilt, gradient: Tensor) -> Outcome:
    wrt, sample, finite = about.wrt, spoilt.sample, gradient.isfinite()
    if hidden := int((spoilt.reached[wrt] & finite).sum()):
        return replace(about, broken=say("hides_non_finite", count=hidden))
    if spread := int((spoilt.settled[wrt] & ~finite).sum()):
        verdict = about.verdict if spoilt.is_taken else None
        return replace(about, broken=say("spreads_non_finite", count=spread), verdict=verdict)
    truth = sample.truth[wrt]
    error = max_abs_error(torch.where(spoilt.settled[wrt], gradient.to(truth), truth), truth)
    ratio = sample.ratio(wrt, error)
    off = None if ratio <= 1 else say("off_elsewhere", error=error)
    return replace(about, ratio=ratio, broken=off)
