"""A gradient that is differentiated again, as in a Hessian-vector product.

A Function need not support it, and one that saves an intermediate cannot: what its own `apply` gives twice is
worth a note.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.subject import Subject, check
from runner.compare import max_abs_error
from runner.diagnose import say
from runner.errors import reason
from runner.formula.derivation import Derivation
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

NAME = "second_order"


@check("full")
def second_order(subject: Subject) -> Iterator[Outcome]:
    """The derivative of the derivation is that of autograd's backward; asked for by check.second_order."""
    if not subject.spec.second_order or not subject.derivation.kind.takes_upstream:
        return
    case = case_of(subject.small(dtype="float64"))
    covered = [name for name in subject.differentiate(case) if name in case.differentiable]
    weights = {name: torch.randn_like(case.inputs[name]) for name in covered}
    recorded = getattr(subject.derivation.function, "recorded", None)
    try:
        second = _of_derivation(case, subject.derivation, weights)
    except Exception as error:  # whatever a derivation raises is an outcome
        if recorded:  # a Function need not support it
            yield Outcome(check=NAME, broken=say("no_second_order", reason=reason(error)), verdict=None)
        else:
            yield Outcome(check=NAME, broken=say("raises", reason=reason(error)), verdict="wrong")
        return
    sample = Sample.of("second order", case, lambda moved: _of_autograd(moved, weights))
    for wrt, gradient in second.items():
        off = max_abs_error(gradient, sample.truth[wrt])
        ratio = sample.ratio(wrt, off)
        statement = "second_through_apply" if recorded else "second_derivative"
        broken = None if ratio <= 1 else say(statement, wrt=wrt, error=off)
        yield Outcome(check=NAME, ratio=ratio, broken=broken, verdict=None if recorded else "wrong")


Tensors = Mapping[str, Tensor]


def _leaves(case: Case) -> dict[str, Tensor]:
    return {name: case.inputs[name].detach().clone().requires_grad_() for name in case.differentiable}


def _of_autograd(case: Case, weights: Tensors) -> dict[str, Tensor]:
    leaves = _leaves(case)
    results = case.evaluate({**case.inputs, **leaves})
    outputs, upstream = zip(*((results[n], case.upstream[n]) for n in case.formula.outputs), strict=True)
    first = torch.autograd.grad(
        outputs, [*leaves.values()], upstream, create_graph=True, materialize_grads=True
    )
    return _again(leaves, dict(zip(leaves, first, strict=True)), weights)


def _of_derivation(case: Case, derivation: Derivation, weights: Tensors) -> dict[str, Tensor]:
    """Differentiate a derivation, or a Function through its own apply, as PyTorch does it."""
    leaves = _leaves(case)
    inputs = {**case.inputs, **leaves}
    values = {**case.values, **inputs, **case.evaluate(inputs)}
    recorded = getattr(derivation.function, "recorded", None)
    first = recorded(values) if recorded else derivation(values, inputs)
    return _again(leaves, first, weights)


def _again(leaves: dict[str, Tensor], first: Tensors, weights: Tensors) -> dict[str, Tensor]:
    """Differentiate <weights, first> by every leaf."""
    total = torch.stack([(first[name] * weights[name]).sum() for name in weights]).sum()
    if not total.requires_grad:
        return {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
    second = torch.autograd.grad(total, [*leaves.values()], materialize_grads=True)
    return dict(zip(leaves, second, strict=True))
