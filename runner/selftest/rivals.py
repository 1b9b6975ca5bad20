"""What else there is to check a gradient with: gradcheck, slow and fast, and allclose against autograd."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.inputs import seeded
from runner.case.spec import case_of
from runner.formula.kind import Kind
from runner.formula.signature import Function, signature
from runner.judge import reference
from runner.selftest.mistake import Target

Rival = Callable[[Target, Function], bool]  # whether it accepts


def gradcheck_slow(target: Target, function: Function) -> bool:
    """`torch.autograd.gradcheck` with its default tolerances, in float64."""
    return _gradcheck(target, function, fast=False)


def gradcheck_fast(target: Target, function: Function) -> bool:
    """Apply the same with `fast_mode=True`."""
    return _gradcheck(target, function, fast=True)


def _gradcheck(target: Target, function: Function, *, fast: bool) -> bool:
    case, wrt = target.case.map(torch.clone), [*target.gradients]  # a mistake may damage it
    leaves = [case.inputs[name].detach().clone().requires_grad_() for name in wrt]

    def run(*tensors: Tensor) -> Any:
        return as_function(case, function, wrt, target.kind).apply(*tensors)  # type: ignore[attr-defined]

    with seeded(0):
        accepted: bool = torch.autograd.gradcheck(run, leaves, fast_mode=fast, raise_exception=True)
    return accepted


def as_function(case: Case, function: Function, wrt: list[str], kind: Kind) -> type:
    """Make a `torch.autograd.Function` of a forward and a derivation, as its user would."""
    formula = case.formula

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Any:
            inputs = {**case.inputs, **dict(zip(wrt, tensors, strict=True))}
            results = formula.apply(formula.forward, inputs, case.params)
            ctx.values = {**case.params, **inputs, **results}
            return tuple(results[name] for name in formula.outputs)

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Any:
            grads = {f"grad_{name}": g for name, g in zip(formula.outputs, upstream, strict=True)}
            values = {**ctx.values, **grads}
            found = function(**signature(function).pick(values, rest=case.inputs))
            given = (found.get(name) for name in wrt)
            return tuple(None if one is None else kind.product(one, upstream[0]) for one in given)

    return Planted


def allclose(target: Target, function: Function) -> bool:
    """`torch.allclose` against autograd, with its default tolerances, in the experiment's own dtype."""
    case = case_of(target.spec)
    expected = reference.by_library(case, target.kind)
    with torch.no_grad():
        found = function(**signature(function).pick(case.values, rest=case.inputs))
    return all(torch.allclose(found[name], expected[name]) for name in target.gradients)


RIVALS: dict[str, Rival] = {
    "gradcheck slow": gradcheck_slow,
    "gradcheck fast": gradcheck_fast,
    "allclose": allclose,
}


def catches(rival: Rival, target: Target, function: Function) -> bool:
    """Tell whether a rival rejects a derivation; what it raises counts as that."""
    try:
        return not rival(target, function)
    except Exception:  # gradcheck's verdict is an exception, and any other one is noticed as well
        return True
