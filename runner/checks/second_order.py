"""A gradient that is differentiated again, as in a Hessian-vector product.

A Function need not support it, and one that saves an intermediate cannot: what its own `apply` gives twice is
worth a note.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.subject import Subject, check
from runner.compare import magnitude, max_abs_error
from runner.diagnose import say
from runner.errors import reason
from runner.formula.derivation import Derivation
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

NAME = "second_order"
DRAWS = 2  # of inputs, upstream gradients and weights

Tensors = Mapping[str, Tensor]
Leaves = dict[str, Tensor]


@check("full")
def second_order(subject: Subject) -> Iterator[Outcome]:
    """The derivatives of each gradient by inputs and upstream gradients are those of autograd's backward.

    Asked for by check.second_order.
    """
    if not subject.spec.second_order or not subject.derivation.kind.takes_upstream:
        return
    for draw in range(DRAWS):
        case = case_of(subject.small(dtype="float64", seed=subject.spec.seed + draw))
        for wrt in subject.differentiate(case):
            weights = torch.randn_like(case.inputs[wrt])
            yield from _of_one(subject.derivation, case, wrt, weights)


def _of_one(derivation: Derivation, case: Case, wrt: str, weights: Tensor) -> Iterator[Outcome]:
    """Differentiate the gradient by one input by every leaf."""
    is_function = hasattr(derivation.function, "recorded")  # which need not support it
    about = Outcome(check=NAME, wrt=wrt, verdict=None if is_function else "wrong")
    try:
        second = _of_derivation(case, derivation, wrt, weights)
    except Exception as error:  # whatever a derivation raises is an outcome
        said = say("no_second_order" if is_function else "raises", reason=reason(error))
        yield replace(about, broken=said)
        return
    sample = Sample.of("second order", case, lambda moved: _of_autograd(moved, wrt, weights))
    missing = [by for by, found in second.items() if found is None and magnitude(sample.truth[by])]
    if missing:
        yield replace(about, broken=say("second_missing", wrt=wrt, by=missing))
    for by, found in second.items():
        if found is not None:
            off = max_abs_error(found, sample.truth[by])
            ratio = sample.ratio(by, off)
            said = say("second_through_apply" if is_function else "second_off", wrt=wrt, by=by, error=off)
            yield replace(about, ratio=ratio, broken=None if ratio <= 1 else said)


def _leaves(case: Case) -> tuple[Leaves, Leaves]:
    """Return the inputs and the upstream gradients as leaves, the latter by output."""

    def leaf(tensor: Tensor) -> Tensor:
        return tensor.detach().clone().requires_grad_()

    inputs = {name: leaf(case.inputs[name]) for name in case.differentiable}
    return inputs, {output: leaf(value) for output, value in case.upstream.items()}


def _of_autograd(case: Case, wrt: str, weights: Tensor) -> dict[str, Tensor]:
    inputs, upstream = _leaves(case)
    results = case.evaluate({**case.inputs, **inputs})
    outputs = [results[name] for name in upstream]
    (first,) = torch.autograd.grad(
        outputs, [inputs[wrt]], [*upstream.values()], create_graph=True, materialize_grads=True
    )
    second = _again(inputs, upstream, first, weights)
    leaves = {**inputs, **{f"grad_{output}": value for output, value in upstream.items()}}
    return {by: torch.zeros_like(leaves[by]) if g is None else g for by, g in second.items()}


def _of_derivation(
    case: Case, derivation: Derivation, wrt: str, weights: Tensor
) -> Mapping[str, Tensor | None]:
    """Differentiate a derivation, or a Function through its own apply, as PyTorch does it."""
    leaves, upstream = _leaves(case)
    inputs = {**case.inputs, **leaves}
    given = {f"grad_{output}": value for output, value in upstream.items()}
    values = {**case.values, **inputs, **case.evaluate(inputs), **given}
    recorded = getattr(derivation.function, "recorded", None)
    first = recorded(values) if recorded else derivation(values, inputs)
    return _again(leaves, upstream, first[wrt], weights)


def _again(inputs: Leaves, upstream: Leaves, first: Tensor, weights: Tensor) -> dict[str, Tensor | None]:
    """Differentiate <weights, first> by every leaf; None for one that it does not depend on."""
    leaves = {**inputs, **{f"grad_{output}": value for output, value in upstream.items()}}
    total = (first * weights).sum()
    if not total.requires_grad:
        return dict.fromkeys(leaves)
    return dict(zip(leaves, torch.autograd.grad(total, [*leaves.values()], allow_unused=True), strict=True))
