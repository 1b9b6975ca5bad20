"""Wrappers that read their arguments wrongly: one for another, in low precision, or in storage order."""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.formula.signature import Function
from runner.selftest.due import Due
from runner.selftest.mistake import Mistake, Target, floating, same
from runner.selftest.wrappers.wrapper import Body, Gradients, NotApplicable, Values, wrapped, wrapper


def substitutions(target: Target) -> Iterator[Mistake | NotApplicable]:
    """Yield a derivation for each argument and each other tensor of its shape that may be taken for it."""
    values = target.case.values
    asked = [name for name in inspect.signature(target.function).parameters if floating(values.get(name))]
    found = False
    for name in asked:
        for other, value in values.items():
            if other != name and floating(value) and same(value, values[name]):
                found = True
                body = functools.partial(_make_substituted, target, name, other, other in asked)
                said = f"takes {other} for {name}"
                yield Mistake(_kind(target.case, name, other), f"argument: {said}", said, body)
    if not found:
        yield NotApplicable("wrong saved tensor", "argument", "no two tensors have the same shape")


def _kind(case: Case, name: str, other: str) -> str:
    before, after = {*case.inputs}, {*case.results}
    if {name, other} & before and {name, other} & after and not {name, other} - before - after:
        return "pre- against post-activation"
    return "wrong saved tensor"


def _make_substituted(target: Target, name: str, other: str, asked: bool) -> Function:
    def substituted(function: Function, values: Values) -> Gradients:
        gradients: Gradients = function(**{**values, name: values[other]})
        return gradients

    return wrapped(target, substituted, None if asked else {name: other})


def changed_arguments(
    kind: str, which: str, due: Due | None = None
) -> Callable[[Callable[[Tensor], Tensor]], Callable[[Target], Body | str]]:
    """Register a change of what a derivation is called with: upstream, inputs, or all floating tensors."""

    def add(change: Callable[[Tensor], Tensor]) -> Callable[[Target], Body | str]:
        @functools.wraps(change)
        def body(target: Target) -> Body | str:
            chosen = _chosen(target, which)
            if not chosen:
                return f"asks for no {which}"

            def called(function: Function, values: Values) -> Gradients:
                mine = {n: change(v) for n, v in values.items() if _is_chosen(target, which, n, v)}
                gradients: Gradients = function(**{**values, **mine})
                return gradients

            return called

        return wrapper(kind, due)(body)

    return add


def _chosen(target: Target, which: str) -> list[str]:
    parameters = inspect.signature(target.function).parameters
    asked = {name: target.case.values.get(name) for name in parameters}
    return [name for name, value in asked.items() if _is_chosen(target, which, name, value)]


def _is_chosen(target: Target, which: str, name: str, value: Any) -> bool:
    upstream = name in {f"grad_{output}" for output in target.formula.outputs}
    return floating(value) and (which == "tensors" or upstream == (which == "upstream gradient"))


@changed_arguments("upstream ignored", "upstream gradient")
def ones_for_upstream(grad: Tensor) -> Tensor:
    """Take ones for the upstream gradient."""
    return torch.ones_like(grad)


@changed_arguments("upstream ignored", "upstream gradient")
def mean_upstream(grad: Tensor) -> Tensor:
    """Take the mean of the upstream gradient for all of it."""
    return grad.mean().expand(grad.shape).clone() if grad.numel() else grad


@changed_arguments("non-contiguous upstream", "upstream gradient")
def upstream_in_storage_order(grad: Tensor) -> Tensor:
    """Read the upstream gradient in the order of its memory, whatever its strides."""
    return in_storage_order(grad)


@changed_arguments("non-contiguous upstream", "upstream gradient")
def expanded_upstream(grad: Tensor) -> Tensor:
    """Read an expanded upstream gradient, stride 0, beyond its first element as zeros."""
    repeated = [d for d, stride in enumerate(grad.stride()) if stride == 0 and grad.shape[d] > 1]
    grad = grad.clone() if repeated else grad
    for d in repeated:
        grad.narrow(d, 1, grad.shape[d] - 1).zero_()
    return grad


@changed_arguments("non-contiguous input", "input")
def inputs_in_storage_order(x: Tensor) -> Tensor:
    """Read inputs and saved tensors in the order of their memory, whatever their strides."""
    return in_storage_order(x)


def in_storage_order(x: Tensor) -> Tensor:
    """Read as many numbers as a tensor has from its memory on, and over again where there are fewer."""
    if x.is_contiguous() or not x.numel():
        return x
    stored = x.untyped_storage().nbytes() // x.element_size() - int(x.storage_offset())
    flat = torch.as_strided(x, (stored,), (1,))
    return flat[torch.arange(x.numel()) % stored].reshape(x.shape)


@changed_arguments("low-precision accumulation", "tensors")
def bfloat16_inside(x: Tensor) -> Tensor:
    """Cast what it is given to bfloat16."""
    return x.to(torch.bfloat16).to(x.dtype)


@changed_arguments("low-precision accumulation", "tensors")
def float32_inside(x: Tensor) -> Tensor:
    """Cast what it is given to float32, in float64 too."""
    return x.to(torch.float32).to(x.dtype)


@changed_arguments("overflow", "tensors")
def float16_inside(x: Tensor) -> Tensor:
    """Cast what it is given to float16, which ends at 65504."""
    return x.to(torch.float16).to(x.dtype)


@wrapper("eps")
def other_eps(target: Target) -> Body | str:
    """Take an eps that is ten times as large."""
    named = [name for name in inspect.signature(target.function).parameters if name.startswith("eps")]
    if not named:
        return "has no eps"
    return lambda function, values: function(**{**values, **{name: 10 * values[name] for name in named}})
