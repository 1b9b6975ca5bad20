"""A gradient that is differentiated again, as in a Hessian-vector product."""

from collections.abc import Iterator

import torch

from runner.case.case import Case
from runner.case.spec import draw
from runner.checks.subject import Subject, check
from runner.compare import max_abs_error
from runner.errors import reason
from runner.judge.findings import Finding
from runner.judge.sample import Sample


@check("full")
def second_order(subject: Subject) -> Iterator[Finding]:
    """The derivative of the derivation is that of autograd's backward; asked for by check.second_order."""
    if not subject.spec.second_order or subject.is_jacobian:
        return
    case = draw(subject.small(dtype="float64"))
    covered = [name for name in subject.gradients(case) if name in case.differentiable]
    weights = {name: torch.randn_like(case.inputs[name]) for name in covered}
    sample = Sample.of("second order", case, lambda moved: _of_autograd(moved, weights))
    try:
        found = _of_derivation(case, subject.derivation, weights)
    except Exception as error:  # whatever a derivation raises is a finding
        yield Finding("second_order", f"raises {reason(error)}", verdict="wrong")
        return
    for name, gradient in found.items():
        size = max_abs_error(gradient, sample.truth[name])
        if not sample.allows(name, size):
            message = f"the second derivative by {name} is off by {size:.3g}"
            yield Finding("second_order", message, verdict="wrong")


def _leaves(case: Case) -> dict[str, torch.Tensor]:
    return {name: case.inputs[name].detach().clone().requires_grad_() for name in case.differentiable}


def _of_autograd(case: Case, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    leaves = _leaves(case)
    results = case.formula.apply(case.formula.forward, {**case.inputs, **leaves}, case.params)
    outputs, upstream = zip(*((results[n], case.upstream[n]) for n in case.formula.outputs), strict=True)
    first = torch.autograd.grad(
        outputs, [*leaves.values()], upstream, create_graph=True, materialize_grads=True
    )
    return _again(leaves, dict(zip(leaves, first, strict=True)), weights)


def _of_derivation(case: Case, derivation: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    leaves = _leaves(case)
    inputs = {**case.inputs, **leaves}
    results = case.formula.apply(case.formula.forward, inputs, case.params)
    values = {**case.values, **inputs, **results}
    return _again(leaves, case.formula.differentiate(derivation, values, inputs), weights)


def _again(
    leaves: dict[str, torch.Tensor], first: dict[str, torch.Tensor], weights: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Differentiate <weights, first> by every leaf."""
    total = torch.stack([(first[name] * weights[name]).sum() for name in weights]).sum()
    if not total.requires_grad:
        return {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
    second = torch.autograd.grad(total, [*leaves.values()], materialize_grads=True)
    return dict(zip(leaves, second, strict=True))
