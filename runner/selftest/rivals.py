"""What else there is to check a gradient with, each on normal inputs and a normal upstream gradient.

gradcheck and gradgradcheck, slow and fast; `allclose` against autograd; and the rule by which
FlashAttention's tests go: no more than twice the error of a plain implementation in the same precision.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.inputs import seeded
from runner.case.spec import DTYPES, DTypeName, case_of
from runner.checks.budget import priced
from runner.compare import max_abs_error
from runner.formula.kind import Kind
from runner.formula.signature import Function, signature
from runner.judge import reference
from runner.selftest.measure import as_derivation
from runner.selftest.mistake import Target
from runner.selftest.second import second_derivative
from runner.selftest.state import kept
from runner.settings import Inputs

Rival = Callable[[Target, Function], bool]  # whether it accepts
HALF: tuple[DTypeName, ...] = ("bfloat16", "float16")
SHIFT = 0.3  # by which FlashAttention's tests move the reference up and down again to find their atol


def gradcheck(target: Target, function: Function, *, fast: bool) -> bool:
    """`torch.autograd.gradcheck` with its default tolerances, in float64."""
    return _checked(torch.autograd.gradcheck, target, function, fast_mode=fast)


def gradgradcheck(target: Target, function: Function, *, fast: bool) -> bool:
    """`torch.autograd.gradgradcheck` likewise, which differentiates the backward by inputs and upstream."""
    return _checked(torch.autograd.gradgradcheck, target, function, fast_mode=fast)


def _checked(check: Callable[..., bool], target: Target, function: Function, *, fast_mode: bool) -> bool:
    case, wrt = reference.in_float64(case_of(target.spec)), [*target.gradients]
    leaves = [case.inputs[name].detach().clone().requires_grad_() for name in wrt]

    def run(*tensors: Tensor) -> Any:
        return as_function(case, function, wrt, target.kind).apply(*tensors)  # type: ignore[attr-defined]

    with seeded(0):
        return check(run, leaves, fast_mode=fast_mode, raise_exception=True)


def as_function(case: Case, function: Function, wrt: list[str], kind: Kind) -> type:
    """Make a `torch.autograd.Function` of a forward and a derivation, as its user would.

    Differentiated again, it recomputes what forward has saved, so that nothing there is a constant.
    """
    formula = case.formula

    def saved(inputs: Mapping[str, Tensor]) -> dict[str, Any]:
        values = {**case.params, **inputs, **formula.apply(formula.forward, inputs, case.params)}
        prepare = getattr(function, "prepare", None)
        return {**values, "prepared": prepare(values)} if prepare else values

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Any:
            ctx.inputs = {**case.inputs, **dict(zip(wrt, tensors, strict=True))}
            ctx.values = saved(ctx.inputs)
            return tuple(ctx.values[name] for name in formula.outputs)

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Any:
            grads = {f"grad_{name}": g for name, g in zip(formula.outputs, upstream, strict=True)}
            values = {**(saved(ctx.inputs) if torch.is_grad_enabled() else ctx.values), **grads}
            found = function(**signature(function).pick(values, rest=case.inputs))
            given = (found.get(name) for name in wrt)
            return tuple(None if one is None else kind.product(one, upstream[0]) for one in given)

    return Planted


def allclose(target: Target, function: Function) -> bool:
    """`torch.allclose` against autograd, with its default tolerances, in the experiment's own dtype."""
    case = case_of(target.spec)
    expected = reference.by_library(case, target.kind)
    found = _called(case, function)
    return all(torch.allclose(found[name], expected[name]) for name in target.gradients)


def twice_the_error(target: Target, function: Function) -> bool:
    """Allow twice the error of a plain implementation in half precision, and the rounding of a shift."""
    return all(_within_twice(target, function, dtype) for dtype in HALF if _has_a_kernel(target, dtype))


def _within_twice(target: Target, function: Function, dtype: DTypeName) -> bool:
    case = case_of(replace(target.spec, dtype=dtype))
    truth = reference.by_forward(reference.in_float64(case), target.kind)
    plain = target.kind.differentiate(case.evaluate, case.inputs, case.differentiable, case.upstream)
    found = _called(case, function)
    return all(
        max_abs_error(found[name], truth[name])
        <= 2 * max_abs_error(plain[name], truth[name]) + _atol(truth[name].to(DTYPES[dtype]))
        for name in target.gradients
    )


def _atol(truth: Tensor) -> float:
    return 2 * max_abs_error(truth + SHIFT - SHIFT, truth)


def _has_a_kernel(target: Target, dtype: DTypeName) -> bool:
    try:
        return bool(case_of(replace(target.spec, dtype=dtype)).results)
    except NotImplementedError:
        return False


def _called(case: Case, function: Function) -> Mapping[str, Tensor]:
    planted = as_derivation(function)
    bound = planted.bound(case.values, case.inputs)
    with torch.no_grad():
        return planted.by_name(bound())


RIVALS: Mapping[str, Rival] = MappingProxyType(
    {
        "gradcheck slow": partial(gradcheck, fast=False),
        "gradcheck fast": partial(gradcheck, fast=True),
        "gradgradcheck slow": partial(gradgradcheck, fast=False),
        "gradgradcheck fast": partial(gradgradcheck, fast=True),
        "allclose": allclose,
        "2x rule": twice_the_error,
    }
)
CALLS = {"gradcheck slow": 3, "gradgradcheck slow": 24}  # of forward and backward, for each number
MOST = 2**32  # that they may cost, as a budget of checks has it: some seconds
TWICE_DIFFERENTIATED = ("gradgradcheck slow", "gradgradcheck fast")


def applies(name: str, target: Target) -> bool:
    """Tell whether a rival has something to say: not every derivation can be differentiated again.

    Slow modes would take minutes where a case has many numbers, and many steps.
    """
    if name in CALLS and CALLS[name] * _cost_of_all_numbers(target.case, target.gradients) > MOST:
        return False
    return name not in TWICE_DIFFERENTIATED or bool(second_derivative(target, target.function))


def _cost_of_all_numbers(case: Case, wrt: Iterable[str]) -> float:
    """Return what a gradient costs, for each number of the inputs and of the upstream gradient."""
    _, price = priced(lambda: reference.by_forward(reference.in_float64(case)))
    tensors = (*(case.inputs[name] for name in wrt), *case.upstream.values())
    return price.total * sum(tensor.numel() for tensor in tensors)


def rejects(name: str, target: Target, function: Function) -> bool:
    """Tell whether a rival rejects a derivation; what it raises counts as that."""
    try:
        with kept():
            return not RIVALS[name](_with_normal_numbers(target), function)
    except Exception:  # gradcheck's verdict is an exception, and any other one is noticed as well
        return True


def _with_normal_numbers(target: Target) -> Target:
    """Return the experiment at normal inputs and upstream gradients, where forward allows them."""
    normal = replace(target.spec, inputs=Inputs("normal"), upstream="normal")
    there = replace(target, spec=normal)
    try:
        there.gradients  # noqa: B018
    except Exception:  # whatever forward raises, it does not allow such numbers
        return replace(target, spec=replace(target.spec, upstream="normal"))
    return there


@dataclass
class Rivals:
    """The rivals, and which right derivations they reject, which is forgotten with them."""

    wrong: dict[str, bool] = field(default_factory=dict)

    def catches(self, name: str, target: Target, function: Function) -> bool:
        """Tell whether a rival rejects a planted derivation, and not the right one."""
        return rejects(name, target, function) and not self.reject_the_right_one(name, target)

    def reject_the_right_one(self, name: str, target: Target) -> bool:
        """Tell whether a rival rejects the derivation that is right."""
        key = f"{name}, {target.derivation.name}, {target.spec!r}"
        if key not in self.wrong:
            self.wrong[key] = rejects(name, target, target.function)
        return self.wrong[key]
