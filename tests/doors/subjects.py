"""One formula behind every door: y = w tanh(x), with the mistakes that people make in it."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import Tensor, nn

Mistake = Callable[[Any, Any, Any, Any], tuple[Any, Any]]
"""(grad_y, x, w, t = tanh(x)) -> gradients by x and by w, of tensors as well as arrays."""

MISTAKES: dict[str, Mistake] = {
    "none": lambda g, x, w, t: (g * w * (1 - t * t), (g * t).sum(0)),
    "factor": lambda g, x, w, t: (2 * g * w * (1 - t * t), (g * t).sum(0)),
    "no slope": lambda g, x, w, t: (g * w, (g * t).sum(0)),
    "output for tanh": lambda g, x, w, t: (g * w * (1 - w * t * t), (g * t).sum(0)),
    "mean for sum": lambda g, x, w, t: (g * w * (1 - t * t), (g * t).mean(0)),
    "upstream squared": lambda g, x, w, t: (g * g * w * (1 - t * t), (g * t).sum(0)),
    "rows of four": lambda g, x, w, t: (g * w * (1 - t * t), (g * t)[:4].sum(0)),
    "no sum": lambda g, x, w, t: (g * w * (1 - t * t), g * t),
}
numbers = itertools.count()


def reference(x: Tensor, w: Tensor) -> Tensor:
    return w * torch.tanh(x)


def function(mistake: Mistake) -> Any:
    class ScaledTanh(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            t = torch.tanh(x)
            ctx.save_for_backward(x, w, t)
            return w * t

        @staticmethod
        def backward(ctx: Any, grad_y: Tensor) -> Any:
            return mistake(grad_y, *ctx.saved_tensors)

    return ScaledTanh


def with_setup_context(mistake: Mistake) -> Any:
    class ScaledTanh(torch.autograd.Function):
        @staticmethod
        def forward(x: Tensor, w: Tensor) -> Any:
            t = torch.tanh(x)
            return w * t, t

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.mark_non_differentiable(output[1])
            ctx.save_for_backward(*inputs, output[1])

        @staticmethod
        def backward(ctx: Any, grad_y: Tensor, grad_t: Any) -> Any:
            return mistake(grad_y, *ctx.saved_tensors)

    return ScaledTanh


def plain(mistake: Mistake) -> Any:
    def scaled_tanh(grad_y: Tensor, x: Tensor, w: Tensor) -> Any:
        return mistake(grad_y, x, w, torch.tanh(x))

    return scaled_tanh


def by_name(mistake: Mistake) -> Any:
    def scaled_tanh(dout: Tensor, w: Tensor, x: Tensor) -> Any:
        return dict(zip("xw", mistake(dout, x, w, torch.tanh(x)), strict=True))

    return scaled_tanh


def op(mistake: Mistake) -> Any:
    @torch.library.custom_op(f"doors::scaled_tanh{next(numbers)}", mutates_args=())
    def scaled_tanh(x: Tensor, w: Tensor) -> Tensor:
        return w * torch.tanh(x)

    @scaled_tanh.register_fake
    def _(x: Tensor, w: Tensor) -> Tensor:
        return torch.empty_like(x)

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    def backward(ctx: Any, grad_y: Tensor) -> Any:
        x, w = ctx.saved_tensors
        return mistake(grad_y, x, w, torch.tanh(x))

    scaled_tanh.register_autograd(backward, setup_context=setup_context)
    return scaled_tanh


def in_a_function(mistake: Mistake) -> Any:
    inner = function(mistake)

    def scaled_tanh(x: Tensor, w: Tensor) -> Any:
        return inner.apply(x, w)

    return scaled_tanh


class Module(nn.Module):
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.w, self.inner = nn.Parameter(torch.linspace(-1.5, 2, 5)), inner

    def forward(self, x: Tensor) -> Any:
        return self.inner(x, self.w)


def module(mistake: Mistake) -> Any:
    return Module(function(mistake).apply)


class WithBackward(Module):
    def __init__(self, mistake: Mistake) -> None:
        super().__init__(reference)
        self.mistake = mistake

    def forward(self, x: Tensor) -> Any:
        self.x = x
        return super().forward(x)

    def backward(self, grad_y: Tensor) -> Tensor:
        grad_x, grad_w = self.mistake(grad_y, self.x, self.w, torch.tanh(self.x))
        self.grads = {"w": grad_w}
        return grad_x  # type: ignore[no-any-return]


def pair(mistake: Mistake) -> Any:
    def forward(x: Any, w: Any) -> Any:
        t = np.tanh(x)
        return w * t, (x, w, t)

    def backward(dout: Any, cache: Any) -> Any:
        return mistake(dout, *cache)

    return forward, backward


def of_jax(mistake: Mistake) -> Any:
    @jax.custom_vjp
    def scaled_tanh(x: Any, w: Any) -> Any:
        return w * jnp.tanh(x)

    def forward(x: Any, w: Any) -> Any:
        return scaled_tanh(x, w), (x, w, jnp.tanh(x))

    def backward(kept: Any, grad_y: Any) -> Any:
        return mistake(grad_y, *kept)

    scaled_tanh.defvjp(forward, backward)
    return scaled_tanh


RAW = {
    "Function": function,
    "Function with setup_context": with_setup_context,
    "plain": plain,
    "plain, by name": by_name,
    "op": op,
    "module with a backward": WithBackward,
}
ENGINE = {"function of tensors": in_a_function, "module": module}
ARRAYS = {"pair": pair}
JAX = {"jax": of_jax}
DOORS: dict[str, Callable[[Mistake], Any]] = {**RAW, **ENGINE, **ARRAYS, **JAX}
