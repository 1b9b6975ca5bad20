"""The same arguments give the same bits, whatever was called in between."""

import dataclasses
from collections.abc import Iterator, Mapping

from torch import Tensor

from runner import compare
from runner.case.case import Case
from runner.case.spec import draw
from runner.checks.subject import Subject, check
from runner.judge import manual
from runner.judge.findings import Finding

TIMES = 3


@check("quick")
def repeatable(subject: Subject) -> Iterator[Finding]:
    """Two calls give the same bits."""
    again = subject.trial.gradients
    yield from _differences("repeatable", "has other bits at the next call", subject.found, again)


@check("full")
def independent_of_history(subject: Subject) -> Iterator[Finding]:
    """Neither calls on other inputs, nor other inputs at the same addresses, change a result."""
    spec = subject.small(seed=subject.spec.seed)
    case, other = (draw(dataclasses.replace(spec, seed=spec.seed + i)) for i in range(2))
    first = subject.gradients(case)
    kept = _cloned(first)
    of_other = _cloned(subject.gradients(other))
    sample = subject.once("after a call", lambda: subject.sample_of("a call after another", other))
    yield from subject.compare(sample, NAME, verdict="invalid")
    yield from _differences(NAME, "is overwritten by a later call", kept, first)
    for _ in range(TIMES):
        yield from _differences(NAME, "differs after other calls", kept, subject.gradients(case))
    fresh, reused = _at_the_same_address(subject, case, other)
    yield from _differences(NAME, "differs at another address", kept, fresh)
    message = "is that of the numbers which were at the same address before"
    yield from _differences(NAME, message, of_other, reused)


NAME = "independent_of_history"


def _cloned(gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: gradient.clone() for name, gradient in gradients.items()}


def _at_the_same_address(
    subject: Subject, case: Case, other: Case
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Call on a case, then again with another case's numbers written into the same tensors."""
    values = {name: manual.copied(value) for name, value in case.values.items()}
    fresh = _cloned(manual.call(case, subject.derivation, values))
    for name, value in other.values.items():
        if isinstance(value, Tensor) and value.shape == values[name].shape:
            values[name].copy_(value)
    return fresh, manual.call(other, subject.derivation, values)


def _differences(
    check: str, message: str, one: Mapping[str, Tensor], other: Mapping[str, Tensor]
) -> Iterator[Finding]:
    for wrt, gradient in one.items():
        if wrt not in other or not compare.identical_bits(gradient, other[wrt]):
            yield Finding(check, f"the gradient by {wrt} {message}", wrt)
