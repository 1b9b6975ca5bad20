"""Half precision in one place: computed in float32, and rounded once."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

import torch
from torch import Tensor

from runner.formula.signature import Function, signature

F = TypeVar("F", bound=Function)

HALF = (torch.bfloat16, torch.float16)


@overload
def in_float32(function: F) -> F: ...
@overload
def in_float32(*, saved: tuple[str, ...]) -> Callable[[F], F]: ...
def in_float32(function: F | None = None, *, saved: tuple[str, ...] = ()) -> F | Callable[[F], F]:
    """Let a forward or a derivation compute in float32 where it is given bfloat16 or float16.

    A gradient comes back in the dtype of its input, or of the upstream gradient where the input is not an
    argument; any other result in that of the first floating argument. What a forward keeps for the
    backward, `saved`, stays in float32. Without half precision the function is called as it is.
    """
    if function is None:
        return functools.partial(in_float32, saved=saved)
    return decorated(_widening(function, saved), function, functools.partial(in_float32, saved=saved))


def decorated(wrapper: Function, function: F, decorator: Callable[[Function], Function]) -> F:
    """Pass a wrapper off as its function, and remember how it is made again around a changed one."""
    functools.update_wrapper(wrapper, function)
    wrapper.decorator = decorator  # type: ignore[attr-defined]
    return wrapper  # type: ignore[return-value]


def is_widened(function: Function) -> bool:
    """Tell whether a function is decorated by `in_float32`."""
    return getattr(getattr(function, "decorator", None), "func", None) is in_float32


def _widening(function: Function, saved: tuple[str, ...]) -> Function:
    positional = tuple(signature(function).positional)

    def widening(*args: Any, **named: Any) -> Any:
        if not any(map(_is_half, (*args, *named.values()))):
            return function(*args, **named)
        given = {**dict(zip(positional, args, strict=False)), **named}
        result = function(**{name: _widened(value) for name, value in given.items()})
        return _rounded(result, given, saved)

    widening.saved = saved  # type: ignore[attr-defined]
    return widening


def _rounded(result: Any, given: Mapping[str, Any], saved: tuple[str, ...]) -> Any:
    dtypes = {n: v.dtype for n, v in given.items() if isinstance(v, Tensor) and v.is_floating_point()}
    upstream = (dtype for name, dtype in dtypes.items() if name.startswith("grad_"))
    other = next(upstream, next(iter(dtypes.values())))
    if isinstance(result, Tensor):
        return result.to(other)
    return {n: value if n in saved else value.to(dtypes.get(n, other)) for n, value in result.items()}


def _is_half(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype in HALF


def _widened(value: Any) -> Any:
    return value.float() if _is_half(value) else value
