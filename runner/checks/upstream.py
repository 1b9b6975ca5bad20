"""A vector-Jacobian product is linear in its vector."""

import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor

from runner.case.spec import case_of
from runner.checks.subject import Subject, check
from runner.compare import identical_bits, magnitude, max_abs_error, mismatch, unit_roundoff
from runner.diagnose import say
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

NAME = "linear_in_upstream"
ROUNDING = 1e3  # unit roundoffs of a gradient, whose own size a wrong one may have far beyond the truth's


@check("full")
def linear_in_upstream(subject: Subject) -> Iterator[Outcome]:
    """g(2u - 3v) = 2 g(u) - 3 g(v), and the gradient is right for an upstream that is not ones."""
    if not subject.derivation.kind.takes_upstream:
        return
    u, v = (case_of(subject.small(seed=subject.spec.seed + i)) for i in range(2))
    v = dataclasses.replace(u, upstream=v.upstream)
    both = {name: 2 * u.upstream[name] - 3 * v.upstream[name] for name in u.upstream}
    mixed = dataclasses.replace(u, upstream=both)
    sample = subject.once(
        "mixed upstream", lambda: subject.sample_of("an upstream gradient of 2u - 3v", mixed)
    )
    of_u, of_v, of_both = (subject.differentiate(case) for case in (u, v, mixed))
    for wrt, gradient in of_both.items():
        if not mismatch(gradient, u.inputs[wrt]):  # else another check's outcome
            yield _linear(wrt, gradient, of_u[wrt], of_v[wrt], sample)
    yield from subject.compare(sample, NAME)


def _linear(wrt: str, of_both: Tensor, of_u: Tensor, of_v: Tensor, sample: Sample) -> Outcome:
    parts = torch.where(of_both.isfinite(), 2 * of_u - 3 * of_v, of_both)
    error = max_abs_error(of_both, parts)
    rounding = ROUNDING * unit_roundoff(of_both.dtype) * magnitude(of_both)
    if error <= rounding or sample.ratio(wrt, error / 5) <= 1:  # two more gradients, each rounded
        return Outcome(check=NAME, wrt=wrt)
    ignored = identical_bits(of_u, of_v)
    broken = say("upstream_ignored", wrt=wrt) if ignored else say("not_linear", error=error)
    return Outcome(check=NAME, wrt=wrt, broken=broken, verdict="wrong")
