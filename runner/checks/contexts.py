"""A Function's context, as training uses it: two at once, one twice, and inputs that need no gradient."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.subject import Subject, check, cloned
from runner.compare import max_abs_error, mismatch
from runner.diagnose import Statement, say
from runner.errors import reason
from runner.judge.judgement import Outcome
from runner.judge.manual import copied, result_of
from runner.judge.sample import Sample
from runner.process import kept

MOST_FROZEN = 8  # patterns of inputs that need no gradient


@check("full")
def contexts(subject: Subject) -> Iterator[Outcome]:
    """A second forward between forward and backward, and a second backward, change no gradient."""
    if not subject.derivation.runs_forward:
        return
    derivation = subject.derivation
    one, other = (case_of(subject.small(seed=subject.spec.seed + i)) for i in range(2))
    with kept():
        alone = cloned(result_of(one, derivation, derivation.bound(one.values, one.inputs)))
        first = derivation.bound(one.values, one.inputs)
        derivation.bound(other.values, other.inputs)
        live, again = (cloned(result_of(one, derivation, first)) for _ in range(2))
    if getattr(derivation.function, "guards_inputs", False):
        yield from _written_to(subject, one, alone)
    yield from subject.same("live_contexts", "overwritten_context", one, alone, live)
    yield from subject.same("backward_twice", "used_context", one, alone, again)


def _written_to(subject: Subject, case: Case, alone: Mapping[str, Tensor]) -> Iterator[Outcome]:
    """Write into the inputs between forward and backward: that has to be refused, or to change nothing."""
    values = {name: copied(value) for name, value in case.values.items()}
    bound = subject.derivation.bound(values, case.inputs)
    with torch.no_grad():
        for name in case.differentiable:
            values[name].mul_(2)
    try:
        with kept():
            gradients = cloned(result_of(case, subject.derivation, bound))
    except RuntimeError:  # as save_for_backward does
        return
    yield from subject.same("contexts", "reads_what_was_written", case, alone, gradients)


@check("full")
def frozen_inputs(subject: Subject) -> Iterator[Outcome]:
    """The gradients of some inputs are the same where others need none, as in fine-tuning of a part."""
    prepare = getattr(subject.derivation.function, "prepare", None)
    if prepare is None or not (sample := subject.sample("frozen inputs", subject.small())):
        return
    names = sample.case.differentiable
    patterns = [set(some) for count in (1, len(names) - 1) for some in combinations(names, count)]
    for frozen in [some for some in patterns if len(some) < len(names)][:MOST_FROZEN]:
        yield from _with_frozen(subject, sample, frozen)


def _with_frozen(subject: Subject, sample: Sample, frozen: set[str]) -> Iterator[Outcome]:
    condition = f"{' and '.join(sorted(frozen))} frozen"
    about = Outcome(check="frozen_inputs", condition=condition, verdict="wrong", compared=True)
    try:
        gradients = _of_the_rest(subject, sample.case, frozen)
    except Exception as error:  # whatever a derivation raises is an outcome
        yield replace(about, broken=say("raises", reason=reason(error)))
        return
    for wrt, gradient in gradients.items():
        yield replace(about, wrt=wrt, broken=_difference(sample, wrt, gradient))


def _of_the_rest(subject: Subject, case: Case, frozen: set[str]) -> Mapping[str, Tensor]:
    function, values = subject.derivation.function, case.values
    prepared = function.prepare(values, frozen=frozen)  # type: ignore[attr-defined]
    grads = {name: value for name, value in values.items() if name.startswith("grad_")}
    return result_of(case, subject.derivation, partial(function, prepared, **grads))


def _difference(sample: Sample, wrt: str, gradient: Tensor) -> Statement | None:
    if different := mismatch(gradient, sample.case.inputs[wrt]):
        return say("mismatch", **vars(different))
    error = max_abs_error(gradient, sample.truth[wrt])
    return None if sample.ratio(wrt, error) <= 1 else say("off_when_frozen", wrt=wrt, error=error)
