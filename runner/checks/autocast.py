"""A Function under autocast, as mixed precision trains: parameters in float32, products in bfloat16."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import inf

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import case_of
from runner.checks.subject import Subject, check
from runner.compare import magnitude, max_abs_error, measure
from runner.diagnose import say
from runner.errors import reason
from runner.judge import reference
from runner.judge.accuracy import Accuracy
from runner.judge.judgement import Outcome
from runner.judge.loss import loss

LOWER = torch.bfloat16
AS_AUTOGRAD = 4  # times the error of the reference forward's own gradient under autocast
ROUNDED = 0.5  # of the largest element: what is further off is not the rounding of bfloat16

Tensors = Mapping[str, Tensor]


@check("full")
def autocast(subject: Subject) -> Iterator[Outcome]:
    """A training step gets each gradient in its input's dtype, and as accurate as bfloat16 allows.

    To raise is legal, as nobody trains on what raises; to be silently wrong is not.
    """
    function = subject.derivation.function
    if not hasattr(function, "applied"):
        return
    case = case_of(subject.small(dtype="float32"))
    try:
        gradients = _trained(function.applied, case)
    except Exception as error:  # whatever a Function raises is an outcome
        yield Outcome(check="autocast", broken=say("refuses_autocast", reason=reason(error)), verdict=None)
        return
    truth = subject.once("autocast truth", lambda: reference.by_forward(reference.in_float64(case)))
    plain = subject.once("autocast", lambda: _trained(case.evaluate, case))
    for wrt, gradient in gradients.items():
        yield _judged(subject, case, wrt, gradient, truth[wrt], max_abs_error(plain[wrt], truth[wrt]))


def _trained(forward: Callable[[Tensors], Tensors], case: Case) -> dict[str, Tensor]:
    """Run forward under autocast and backward outside of it, through the engine."""
    leaves = {name: case.inputs[name].detach().clone().requires_grad_() for name in case.differentiable}
    with torch.enable_grad(), torch.autocast(case.device.type, LOWER):
        results = forward({**case.params, **case.inputs, **leaves})
    outputs = {name: results[name] for name in case.upstream if results[name].requires_grad}
    upstream = [case.upstream[name].to(output.dtype) for name, output in outputs.items()]
    gradients = torch.autograd.grad([*outputs.values()], [*leaves.values()], upstream, materialize_grads=True)
    return dict(zip(leaves, gradients, strict=True))


def _judged(
    subject: Subject, case: Case, wrt: str, gradient: Tensor, truth: Tensor, of_autograd: float
) -> Outcome:
    about = Outcome(check="autocast", wrt=wrt, verdict="inaccurate", compared=True)
    value, size = case.inputs[wrt], magnitude(truth)
    if gradient.dtype != value.dtype:
        said = say("dtype_under_autocast", received=str(gradient.dtype), expected=str(value.dtype))
        return replace(about, broken=said, verdict="invalid")
    error = max_abs_error(gradient, truth)
    bound = max(_bound(subject, case, wrt, truth, error), AS_AUTOGRAD * of_autograd)
    if error <= bound:
        return replace(about, ratio=error / bound if bound else 0.0)
    said = say("loses_under_autocast", loss=loss(measure(gradient, truth), bound, LOWER))
    return replace(about, broken=said, verdict="inaccurate" if error <= ROUNDED * size else "wrong")


def _bound(subject: Subject, case: Case, wrt: str, truth: Tensor, error: float) -> float:
    """Return what bfloat16 excuses, with what rounding the inputs to it makes of the truth."""
    lower = case.to(case.device, LOWER)
    of_lower = subject.once("autocast lower", lambda: reference.by_forward(reference.in_float64(lower)))
    bound = Accuracy(lower, subject.derivation, of_lower).bound(wrt, inf, error)
    return bound + max_abs_error(of_lower[wrt], truth)
