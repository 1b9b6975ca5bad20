"""A vector-Jacobian product is linear in its vector."""

import dataclasses
from collections.abc import Iterator

import torch

from runner.case.spec import draw
from runner.checks.subject import Subject, check
from runner.compare import identical_bits, magnitude, max_abs_error, mismatch, unit_roundoff
from runner.judge.findings import Finding

MIXED = "2u - 3v"
ROUNDING = 1e3  # unit roundoffs of a gradient, whose own size a wrong one may have far beyond the truth's


@check("full")
def linear_in_upstream(subject: Subject) -> Iterator[Finding]:
    """g(2u - 3v) = 2 g(u) - 3 g(v), and the gradient is right for an upstream that is not ones."""
    if subject.is_jacobian:
        return
    u, v = (draw(subject.small(seed=subject.spec.seed + i)) for i in range(2))
    v = dataclasses.replace(u, upstream=v.upstream)
    both = {name: 2 * u.upstream[name] - 3 * v.upstream[name] for name in u.upstream}
    mixed = dataclasses.replace(u, upstream=both)
    sample = subject.once(
        "mixed upstream", lambda: subject.sample_of(f"an upstream gradient of {MIXED}", mixed)
    )
    of_u, of_v, of_both = (subject.gradients(case) for case in (u, v, mixed))
    for wrt, gradient in of_both.items():
        if mismatch(gradient, u.inputs[wrt]):
            continue  # another check's finding
        parts = torch.where(gradient.isfinite(), 2 * of_u[wrt] - 3 * of_v[wrt], gradient)
        error = max_abs_error(gradient, parts)
        rounding = ROUNDING * unit_roundoff(gradient.dtype) * magnitude(gradient)
        if not (error <= rounding or sample.allows(wrt, error / 5)):  # two more gradients, each rounded
            message = f"g({MIXED}) differs from 2 g(u) - 3 g(v) by {error:.3g}"
            if identical_bits(of_u[wrt], of_v[wrt]):
                message = f"the gradient by {wrt} does not depend on the upstream gradient"
            yield Finding("linear_in_upstream", message, wrt, "wrong")
    yield from subject.compare(sample, "linear_in_upstream")
