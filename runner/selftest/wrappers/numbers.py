"""Wrappers that return other numbers: everywhere, at some shapes, or on a part of the domain."""

from math import prod

import torch
from torch import Tensor

from runner.formula.signature import Function
from runner.selftest.due import Due
from runner.selftest.mistake import Target
from runner.selftest.wrappers.wrapper import Body, Gradients, Values, changed_gradients, wrapper


@changed_gradients("algebra", Due.of("sign", factor=-1.0))
def sign(grad: Tensor, x: Tensor) -> Tensor:
    """Return the negative."""
    return -grad


@changed_gradients("scale", Due.of("factor", factor=2.0))
def doubled(grad: Tensor, x: Tensor) -> Tensor:
    """Be off by a factor of 2."""
    return 2 * grad


@changed_gradients("scale", Due.of("factor", factor=lambda size: prod(size) / (prod(size) - 1)))
def degree_of_freedom(grad: Tensor, x: Tensor) -> Tensor:
    """Divide by n - 1 where it should by n."""
    n = grad.numel()
    return grad * (n / (n - 1)) if n > 1 else grad


@changed_gradients("scale", Due.of("factor", factor=lambda size: prod(size[1:])))
def rows_for_elements(grad: Tensor, x: Tensor) -> Tensor:
    """Divide by the rows where it should by all elements."""
    return grad * (grad.numel() / grad.shape[0]) if grad.ndim else grad


@changed_gradients("scale", Due.of("factor", factor=1 + 1e-6))
def slightly_scaled(grad: Tensor, x: Tensor) -> Tensor:
    """Be off by one part in a million."""
    return grad * (1 + 1e-6)


@changed_gradients("forward/backward mismatch")
def other_forward(grad: Tensor, x: Tensor) -> Tensor:
    """Belong to another forward, of a slope that differs by up to 1e-4."""
    slope = torch.tanh(x.to(grad.dtype))
    return grad * (1 + 1e-4 * slope) if slope.shape == grad.shape else grad * (1 + 1e-4)


@changed_gradients("transpose")
def transposed_values(grad: Tensor, x: Tensor) -> Tensor:
    """Have the last two axes exchanged, in the shape of the input."""
    return grad.mT.reshape(grad.shape) if grad.ndim > 1 else grad


@changed_gradients("transpose")
def transposed_square(grad: Tensor, x: Tensor) -> Tensor:
    """Be transposed, which only a matrix that is not square tells by its shape."""
    return grad.mT if grad.ndim > 1 else grad


@changed_gradients("transpose", Due.of("order", "sizes"))
def transposed_when_square(grad: Tensor, x: Tensor) -> Tensor:
    """Take a square matrix for one in the other layout, and is right for all others."""
    return grad.mT if grad.ndim > 1 and grad.shape[-1] == grad.shape[-2] else grad


@changed_gradients("dropped term")
def shifted_by_mean(grad: Tensor, x: Tensor) -> Tensor:
    """Lack a mean over the last axis."""
    return grad + grad.mean(-1, keepdim=True) if grad.ndim else grad


@changed_gradients("reduction axis")
def averaged(grad: Tensor, x: Tensor) -> Tensor:
    """Have the mean over the last axis at every place of it."""
    return grad.mean(-1, keepdim=True).expand(grad.shape).clone() if grad.ndim else grad


@changed_gradients("tail of a tile")
def last_elements(grad: Tensor, x: Tensor) -> Tensor:
    """Leave the elements behind the last full tile of 4 at zero."""
    tail = grad.numel() % 4
    flat = grad.flatten().clone()
    flat[flat.numel() - tail :] = 0
    return flat.reshape(grad.shape)


@changed_gradients("tail of a tile")
def last_row(grad: Tensor, x: Tensor) -> Tensor:
    """Leave the last row out where their number is no multiple of 8."""
    if not grad.ndim or grad.shape[0] % 8 == 0:
        return grad
    return torch.cat([grad[:-1], torch.zeros_like(grad[-1:])])


@changed_gradients("tail of a tile")
def behind_the_first_tile(grad: Tensor, x: Tensor) -> Tensor:
    """Leave everything behind the first 64 elements of the last axis at zero."""
    if not grad.ndim or grad.shape[-1] <= 64:
        return grad
    return torch.cat([grad[..., :64], torch.zeros_like(grad[..., 64:])], dim=-1)


@changed_gradients("ties and zeros")
def at_zero(grad: Tensor, x: Tensor) -> Tensor:
    """Add 1 where the input is zero."""
    return torch.where(x == 0, grad + 1, grad) if x.shape == grad.shape else grad


@changed_gradients("ties and zeros")
def at_ties(grad: Tensor, x: Tensor) -> Tensor:
    """Count an element twice that equals its neighbour."""
    flat = x.flatten()
    tie = torch.cat([flat.new_zeros(1, dtype=torch.bool), (flat[1:] == flat[:-1]) & (flat[1:] != 0)])
    return torch.where(tie.reshape(x.shape), 2 * grad, grad) if x.shape == grad.shape else grad


@changed_gradients("ties and zeros")
def every_maximum(grad: Tensor, x: Tensor) -> Tensor:
    """Give each of several equal maxima of a row the gradient of them all."""
    if not x.ndim or x.shape != grad.shape:
        return grad
    top = x == x.amax(-1, keepdim=True)
    several = top.sum(-1, keepdim=True)
    return torch.where(top & (several > 1), several * grad, grad)


@changed_gradients("part of the domain")
def at_negative(grad: Tensor, x: Tensor) -> Tensor:
    """Be off by a hundredth where the input is negative."""
    return torch.where(x < 0, 1.01 * grad, grad) if x.shape == grad.shape else grad


@changed_gradients("part of the domain")
def at_large(grad: Tensor, x: Tensor) -> Tensor:
    """Saturate too early: zero where the input is beyond 8."""
    return torch.where(x.abs() > 8, 0 * grad, grad) if x.shape == grad.shape else grad


@changed_gradients("part of the domain")
def at_tiny(grad: Tensor, x: Tensor) -> Tensor:
    """Take tiny inputs for zero: zero where the input is below 1e-4."""
    return torch.where((x.abs() < 1e-4) & (x != 0), 0 * grad, grad) if x.shape == grad.shape else grad


@wrapper("hard-coded dimension")
def own_size(target: Target) -> Body | str:
    """Divide by the number of elements that the experiment happens to have."""
    sizes = {name: grad.numel() for name, grad in target.gradients.items()}

    def called(function: Function, values: Values) -> Gradients:
        found = function(**values)
        return {name: grad * (sizes[name] / (grad.numel() or 1)) for name, grad in found.items()}

    return called


@wrapper("hard-coded dimension")
def own_length(target: Target) -> Body | str:
    """Divide by the length that the last axis happens to have in the experiment."""
    lengths = {name: grad.shape[-1] for name, grad in target.gradients.items() if grad.ndim}
    if not lengths:
        return "no gradient has an axis"

    def called(function: Function, values: Values) -> Gradients:
        found = function(**values)
        return {
            name: grad * (lengths[name] / (grad.shape[-1] or 1)) if name in lengths else grad
            for name, grad in found.items()
        }

    return called


@wrapper("algebra", Due.of("factor", factor=1.001))
def one_of_several(target: Target) -> Body | str:
    """Be right for every input but the last, where it is off by a thousandth."""
    if len(target.gradients) < 2:
        return "differentiates by one input"

    def called(function: Function, values: Values) -> Gradients:
        found = dict(function(**values))
        last = list(found)[-1]
        return {**found, last: found[last] * 1.001}

    return called
