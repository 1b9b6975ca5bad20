"""Wrappers whose result depends on which call it is: noise, and what is remembered."""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from runner.formula.signature import Function
from runner.selftest.mistake import Target, floating
from runner.selftest.wrappers.wrapper import Body, Gradients, Values, wrapper


@wrapper("non-determinism")
def noise(target: Target) -> Body | str:
    """Add noise of a thousandth, another one each time."""
    return _noise(1e-3)


@wrapper("non-determinism")
def noise_in_the_last_place(target: Target) -> Body | str:
    """Move each number by up to one unit in the last place, another way each time."""
    return _noise(0.0)


def _noise(scale: float) -> Body:
    generator = torch.Generator().manual_seed(0)  # nobody's seed resets it

    def called(function: Function, values: Values) -> Gradients:
        found = function(**values)
        moved = {}
        for name, grad in found.items():
            signs = torch.randint(-1, 2, grad.shape, generator=generator).to(grad)
            moved[name] = grad * (1 + signs * (scale or torch.finfo(grad.dtype).eps))
        return moved

    return called


@wrapper("state between calls")
def first_result_for_ever(target: Target) -> Body | str:
    """Return what it found first for these shapes."""
    return _cached(lambda values: tuple((n, v.shape, v.dtype) for n, v in values.items() if floating(v)))


@wrapper("state between calls")
def cached_by_address(target: Target) -> Body | str:
    """Return what it found for tensors that lay at the same addresses."""
    return _cached(
        lambda values: tuple((v.data_ptr(), v.shape, v.dtype) for v in values.values() if floating(v))
    )


def _cached(key: Callable[[Values], Any]) -> Body:
    found: dict[Any, Gradients] = {}

    def called(function: Function, values: Values) -> Gradients:
        if (known := key(values)) not in found:
            found[known] = {name: grad.clone() for name, grad in function(**values).items()}
        return {name: grad.clone() for name, grad in found[known].items()}

    return called


@wrapper("state between calls")
def accumulated(target: Target) -> Body | str:
    """Add to what it returned the last time for these shapes."""
    sums: dict[Any, Tensor] = {}

    def called(function: Function, values: Values) -> Gradients:
        found = {}
        for name, grad in function(**values).items():
            key = (name, grad.shape, grad.dtype)
            found[name] = grad + sums[key] if key in sums else grad
            sums[key] = found[name].clone()
        return found

    return called


@wrapper("state between calls")
def every_tenth_call(target: Target) -> Body | str:
    """Return half of the gradient at every tenth call."""
    calls = itertools.count(1)

    def called(function: Function, values: Values) -> Gradients:
        tenth = next(calls) % 10 == 0
        return {name: grad / 2 if tenth else grad for name, grad in function(**values).items()}

    return called
