"""Wrappers whose mathematics is right, and whose arithmetic is not."""

import math

import torch
from torch import Tensor

from runner.formula.signature import Function
from runner.selftest.mistake import Target
from runner.selftest.wrappers.wrapper import Body, Gradients, Values, changed_gradients, wrapper


@changed_gradients("cancellation")
def large_difference(grad: Tensor, x: Tensor) -> Tensor:
    """Be a difference of numbers that are 4096 times as large."""
    large = 4096 * grad.abs().amax()
    return torch.where(large.isfinite(), (grad + large) - large, grad)


@wrapper("overflow")
def exponential(target: Target) -> Body | str:
    """Divide two exponentials of the largest input, without a shift."""

    def called(function: Function, values: Values) -> Gradients:
        found = function(**values)
        return {n: g * _one(torch.exp(_largest(values[n], g))) for n, g in found.items()}

    return called


@wrapper("overflow")
def square(target: Target) -> Body | str:
    """Divide two squares of the largest input, which leave the range of a half precision early."""

    def called(function: Function, values: Values) -> Gradients:
        found = function(**values)
        return {n: g * _one(_largest(values[n], g) ** 2) for n, g in found.items()}

    return called


def _largest(x: Tensor, grad: Tensor) -> Tensor:
    """Return max|x| in the dtype of the gradient, and 1 where that is zero or infinite."""
    largest = x.abs().amax().to(grad.dtype) if x.numel() else grad.new_ones(())
    return torch.where((largest > 0) & largest.isfinite(), largest, torch.ones_like(largest))


def _one(number: Tensor) -> Tensor:
    return number / number


@changed_gradients("low-precision accumulation")
def rounded_result(grad: Tensor, x: Tensor) -> Tensor:
    """Be accumulated with 8 bits fewer than its dtype has."""
    return _fewer_bits(grad)


def _fewer_bits(grad: Tensor) -> Tensor:
    mantissa, exponent = torch.frexp(grad.double())
    bits = max(1, int(-math.log2(torch.finfo(grad.dtype).eps)) - 7)
    return torch.ldexp(torch.round(mantissa * 2**bits) / 2**bits, exponent).to(grad.dtype)
