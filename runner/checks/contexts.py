"""A Function's context, as training uses it: two at once, one twice, and inputs that need no gradient."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.subject import Subject, check, cloned
from runner.compare import identical_bits, max_abs_error, mismatch
from runner.diagnose import Statement, say
from runner.errors import reason
from runner.formula.derivation import Derivation
from runner.formula.raw_backward import RawBackward
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
        alone = cloned(result_of(one, derivation, _bound(one, derivation)))
        first = _bound(one, derivation)
        _bound(other, derivation)
        live = cloned(result_of(one, derivation, first))
        twice = _bound(one, derivation)  # with no other forward in between
        _again(one, subject, twice)
        again = _again(one, subject, twice)
    if getattr(derivation.function, "guards_inputs", True):
        yield from _written_to(subject, one, alone)
    yield from subject.same("live_contexts", "overwritten_context", one, alone, live)
    if isinstance(again, Outcome):
        yield again
    else:
        yield from subject.same("backward_twice", "used_context", one, alone, again)


def _bound(case: Case, derivation: Derivation) -> Callable[[], Any]:
    """Bind a derivation to copies: one that overwrites its inputs is found for that alone."""
    return derivation.bound({name: copied(value) for name, value in case.values.items()}, case.inputs)


def _again(case: Case, subject: Subject, bound: Callable[[], Any]) -> Mapping[str, Tensor] | Outcome:
    """Run backward on a context a second time: to refuse that is legal, as PyTorch does what it has freed."""
    try:
        return cloned(result_of(case, subject.derivation, bound))
    except Exception as error:  # a Function may refuse with anything
        said = say("refuses_a_second_time", reason=reason(error))
        return Outcome(check="backward_twice", broken=said, verdict=None)


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
def returned_outputs(subject: Subject) -> Iterator[Outcome]:
    """Backward leaves what forward has returned as it is: others go on with it."""
    if not isinstance(subject.derivation.function, RawBackward):
        return
    case = case_of(subject.small())
    with kept():
        prepared = subject.derivation.function.prepare(case.values)
        before = [r.detach().clone() for r in prepared.returned if isinstance(r, Tensor)]
        _of_prepared(subject, case, prepared)
    after = [r.detach() for r in prepared.returned if isinstance(r, Tensor)]
    for i, (one, other) in enumerate(zip(before, after, strict=True)):
        broken = None if identical_bits(one, other) else say("output_overwritten", number=i + 1)
        yield Outcome(check="returned_outputs", broken=broken)


@check("full")
def unused_outputs(subject: Subject) -> Iterator[Outcome]:
    """Where training uses one output of several, the gradients are those of that one."""
    function = subject.derivation.function
    outputs = subject.case.formula.outputs
    if not hasattr(function, "applied") or len(outputs) < 2:
        return
    case = case_of(subject.small())
    for name in outputs:
        others = {n: torch.zeros_like(value) if n != name else value for n, value in case.upstream.items()}
        if sample := subject.sample_at(f"{name} alone used", case.with_upstream(others)):
            yield from _of_one_output(subject, sample, function.applied, name)


def _of_one_output(
    subject: Subject, sample: Sample, forward: Callable[..., Mapping[str, Tensor]], name: str
) -> Iterator[Outcome]:
    case = sample.case
    about = Outcome(check="unused_outputs", condition=sample.condition, verdict="wrong", compared=True)
    leaves = {n: case.inputs[n].detach().clone().requires_grad_() for n in case.differentiable}
    try:
        output = forward({**case.params, **case.inputs, **leaves})[name]
        if not output.requires_grad:
            return
        found = torch.autograd.grad(output, [*leaves.values()], case.upstream[name], materialize_grads=True)
    except Exception as error:  # whatever a Function raises is an outcome
        yield replace(about, broken=say("raises", reason=reason(error)), verdict="invalid", compared=False)
        return
    for wrt, gradient in zip(leaves, found, strict=True):
        if wrt in subject.gradients:
            yield replace(about, wrt=wrt, broken=_difference(sample, wrt, gradient))


@check("full")
def frozen_inputs(subject: Subject) -> Iterator[Outcome]:
    """The gradients of some inputs are the same where others need none, as in fine-tuning of a part."""
    prepare = getattr(subject.derivation.function, "prepare", None)
    if prepare is None or not (sample := subject.sample("frozen inputs", subject.small())):
        return
    names = sample.case.differentiable
    counts = dict.fromkeys(count for count in (1, len(names) - 1) if 0 < count < len(names))
    patterns = [set(some) for count in counts for some in combinations(names, count)]
    for frozen in patterns[:MOST_FROZEN]:
        yield from _with_frozen(subject, sample, frozen)


def _with_frozen(subject: Subject, sample: Sample, frozen: set[str]) -> Iterator[Outcome]:
    condition = f"{' and '.join(sorted(frozen))} frozen"
    about = Outcome(check="frozen_inputs", condition=condition, verdict="wrong", compared=True)
    try:
        gradients = _of_the_rest(subject, sample.case, frozen)
    except Exception as error:  # whatever a derivation raises is an outcome
        yield replace(about, broken=say("raises", reason=reason(error)), verdict="invalid", compared=False)
        return
    for wrt, gradient in gradients.items():
        yield replace(about, wrt=wrt, broken=_difference(sample, wrt, gradient))


def _of_the_rest(subject: Subject, case: Case, frozen: set[str]) -> Mapping[str, Tensor]:
    function = subject.derivation.function
    return _of_prepared(subject, case, function.prepare(case.values, frozen=frozen))  # type: ignore[attr-defined]


def _of_prepared(subject: Subject, case: Case, prepared: Any) -> Mapping[str, Tensor]:
    """Call backward on what forward has prepared."""
    grads = {f"grad_{name}": value for name, value in case.upstream.items()}
    return result_of(case, subject.derivation, partial(subject.derivation.function, prepared, **grads))


def _difference(sample: Sample, wrt: str, gradient: Tensor) -> Statement | None:
    if different := mismatch(gradient, sample.case.inputs[wrt]):
        return say("mismatch", **vars(different))
    error = max_abs_error(gradient, sample.truth[wrt])
    return None if sample.ratio(wrt, error) <= 1 else say("off_when_frozen", wrt=wrt, error=error)
