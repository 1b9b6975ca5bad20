"""Wrappers that return the right numbers and break the contract: shape, dtype, memory, repeatability."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from runner.formula.signature import Function
from runner.selftest.mistake import Target, floating
from runner.selftest.wrappers.wrapper import Body, Gradients, Values, changed_gradients, wrapper


@changed_gradients("missing broadcast sum")
def one_for_each_use(grad: Tensor, x: Tensor) -> Tensor:
    """Return one part for each of two uses, which sum to the gradient."""
    return (grad / 2).expand(2, *grad.shape).clone()


@changed_gradients("missing broadcast sum")
def kept_dimension(grad: Tensor, x: Tensor) -> Tensor:
    """Keep the dimension that was summed over, with size 1."""
    return grad[None]


@changed_gradients("wrong dtype")
def always_float32(grad: Tensor, x: Tensor) -> Tensor:
    """Return float32 whatever the input is."""
    return grad.to(torch.float32)


@changed_gradients("wrong dtype")
def always_float64(grad: Tensor, x: Tensor) -> Tensor:
    """Return float64 whatever the input is."""
    return grad.to(torch.float64)


@changed_gradients("wrong device")
def other_device(grad: Tensor, x: Tensor) -> Tensor:
    """Return the gradient on another device: meta, which every machine has."""
    return grad.to("meta")


@wrapper("in-place damage")
def damaged_upstream(target: Target) -> Body | str:
    """Overwrite the upstream gradient."""
    return _damage(target, [f"grad_{output}" for output in target.formula.outputs], Tensor.zero_)


@wrapper("in-place damage")
def damaged_input(target: Target) -> Body | str:
    """Overwrite the inputs."""
    return _damage(target, target.case.differentiable, Tensor.zero_)


@wrapper("in-place damage")
def damaged_saved(target: Target) -> Body | str:
    """Overwrite outputs and saved intermediates."""
    return _damage(target, list(target.case.results), Tensor.zero_)


@wrapper("in-place damage")
def clamped_input(target: Target) -> Body | str:
    """Clamp the inputs to at most 100 in place, which most values do not show."""
    return _damage(target, target.case.differentiable, lambda x: x.clamp_(max=100))


def _damage(target: Target, names: list[str], change: Callable[[Tensor], Any]) -> Body | str:
    parameters = inspect.signature(target.function).parameters
    rest = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    chosen = [name for name in names if name in parameters or (rest and name in target.case.inputs)]
    if not chosen:
        return "asks for none of them"

    def called(function: Function, values: Values) -> Gradients:
        found = {name: grad.clone() for name, grad in function(**values).items()}
        for name in chosen:
            if floating(values.get(name)) and not _expanded(values[name]):
                change(values[name])
        return found

    return called


def _expanded(tensor: Tensor) -> bool:
    return any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True))


@wrapper("aliased result")
def reused_buffer(target: Target) -> Body | str:
    """Return a buffer that the next call writes into."""
    buffers: dict[Any, Tensor] = {}

    def called(function: Function, values: Values) -> Gradients:
        found = {}
        for name, grad in function(**values).items():
            buffer = buffers.setdefault((name, grad.shape, grad.dtype), torch.empty_like(grad))
            found[name] = buffer.copy_(grad)
        return found

    return called


@wrapper("aliased result")
def result_in_upstream(target: Target) -> Body | str:
    """Write the gradient into the upstream gradient's memory, and returns that."""
    names = [f"grad_{output}" for output in target.formula.outputs]
    asked = [name for name in names if name in inspect.signature(target.function).parameters]
    shapes = {target.case.values[name].shape for name in asked}
    if not any(grad.shape in shapes for grad in target.gradients.values()):
        return "no gradient has the shape of an upstream gradient"

    def called(function: Function, values: Values) -> Gradients:
        found = dict(function(**values))
        for name, grad in found.items():
            for upstream in asked:
                into = values[upstream]
                if into.shape == grad.shape and not _expanded(into):
                    return {**{n: g.clone() for n, g in found.items()}, name: into.copy_(grad)}
        return found

    return called


@wrapper("missing output")
def one_input_left_out(target: Target) -> Body | str:
    """Leave out the gradient of the last input."""
    if not target.complete or len(target.gradients) < 2:
        return "the contract allows a derivation to cover some of the inputs"
    last = list(target.gradients)[-1]
    return lambda function, values: {n: g for n, g in function(**values).items() if n != last}


@wrapper("missing output")
def none_for_one_input(target: Target) -> Body | str:
    """Return None for the first input."""
    if not target.complete:
        return "the contract allows a derivation to cover some of the inputs"
    first = next(iter(target.gradients))
    return lambda function, values: {**function(**values), first: None}


@wrapper("swapped gradients")
def swapped_inputs(target: Target) -> Body | str:
    """Return the gradients of two inputs of the same shape under each other's names."""
    shapes = {name: grad.shape for name, grad in target.gradients.items()}
    pairs = [(a, b) for a in shapes for b in shapes if a < b and shapes[a] == shapes[b]]
    if not pairs:
        return "no two inputs have the same shape"
    one, other = pairs[0]

    def called(function: Function, values: Values) -> Gradients:
        found = function(**values)
        return {**found, one: found[other], other: found[one]}

    return called
