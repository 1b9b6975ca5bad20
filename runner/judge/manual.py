"""Calls a hand-written gradient the way it must be able to stand: raw, detached, and without autograd."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import torch
import torch._functorch.eager_transforms
from torch import Tensor

from runner.case.case import Case
from runner.errors import FormulaError, unknown
from runner.formula.derivation import Derivation
from runner.process import kept


class AutogradUsedError(FormulaError):
    """A derivation asked autograd for the answer."""


def gradients(case: Case, derivation: Derivation) -> dict[str, Tensor]:
    """Call a derivation on copies of the case's tensors; return gradients by input name.

    Nothing is summed, cast or expanded on the way. Raises AutogradUsedError, FormulaError for a name that
    is no differentiable input, and whatever the derivation itself raises.
    """
    return call(case, derivation, {name: copied(value) for name, value in case.values.items()})


def call(case: Case, derivation: Derivation, values: Mapping[str, Any]) -> dict[str, Tensor]:
    """Call a derivation on the values given, and check the names that it returns."""
    who = f"{case.formula.name}: {derivation.name}"
    with kept():
        bound = derivation.bound(values, case.inputs)  # a Function may record its forward
        by_input = result_of(case, derivation, bound)
    for wrt in by_input:
        if wrt not in case.differentiable:
            raise FormulaError(f"{who}: {unknown('gradient', wrt, case.differentiable)}")
    return by_input


def result_of(case: Case, derivation: Derivation, bound: Callable[[], Any]) -> dict[str, Tensor]:
    """Call what a derivation has bound; return gradients by input name.

    Without autograd, unless the formula states that its derivations recompute, or the engine runs it.
    """
    who = f"{case.formula.name}: {derivation.name}"
    may_record = case.formula.recomputes or derivation.is_recorded
    with torch.no_grad(), nullcontext() if may_record else without_autograd(who):
        found = derivation.by_name(bound())
    for wrt, gradient in found.items():
        if what := _unreadable(gradient):
            raise FormulaError(f"{who}: the gradient of {wrt} is {what}; a dense tensor of numbers is judged")
    return found


def _unreadable(tensor: Tensor) -> str:
    """Say why the numbers of a tensor cannot be read, for which PyTorch may end the process."""
    if tensor.is_quantized:
        return "quantised"
    if tensor.is_nested:
        return "a nested tensor"
    if tensor.layout != torch.strided:
        return f"of layout {tensor.layout}"
    if tensor.device.type == "meta":
        return ""  # what is on another device than it should be is told as that
    ends = tensor.storage_offset() + sum(
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )
    if tensor.numel() and tensor.untyped_storage().nbytes() < (ends + 1) * tensor.element_size():
        return "a tensor whose memory was freed"
    return ""


def copied(value: Any) -> Any:
    """Copy a tensor and how it lies in memory, so that what a derivation does to it stays with it."""
    if not isinstance(value, Tensor):
        return value
    if value.is_contiguous():
        return value.detach().clone()
    storage = value.untyped_storage().clone()  # type: ignore[no-untyped-call]
    empty = torch.empty(0, dtype=value.dtype, device=value.device)
    return empty.set_(storage, value.storage_offset(), value.shape, value.stride())


ENGINE_ENTRIES = (
    (torch.autograd, "_engine_run_backward"),
    (torch.autograd.graph, "_engine_run_backward"),
    (torch.autograd.forward_ad, "enter_dual_level"),
    (torch._functorch.eager_transforms, "_autograd_grad"),
    (torch._functorch.eager_transforms, "_jvp_with_argnums"),
)
"""Every way into automatic differentiation: backward() and grad(), forward mode, and torch.func."""


@contextmanager
def without_autograd(who: str) -> Iterator[None]:
    """Make every way into automatic differentiation raise, under `enable_grad` too."""
    originals = [getattr(module, name) for module, name in ENGINE_ENTRIES]
    for module, name in ENGINE_ENTRIES:
        setattr(module, name, _refusal(who))
    try:
        yield
    finally:
        for (module, name), original in zip(ENGINE_ENTRIES, originals, strict=True):
            setattr(module, name, original)


def _refusal(who: str) -> Callable[..., NoReturn]:
    """Return a function of its own each time: torch._dynamo, imported meanwhile, refuses one of two names."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise AutogradUsedError(
            f"{who} calls autograd, which a gradient derived by hand must not; where it does so to run a "
            "forward again, say recomputes=True where it is registered"
        )

    return refuse
