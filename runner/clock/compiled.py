"""A derivation as torch.compile makes it: whoever calls it, judge or clock, calls the compiled code."""

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from runner.errors import FormulaError, reason
from runner.formula.derivation import Derivation

MOST_VARIANTS = 4096
"""Of one function, for other shapes, dtypes and layouts; beyond that it would run as it is written."""


class Compiled:
    """A derivation's function, compiled when it is called, and anew for what it has not seen.

    Raises FormulaError where PyTorch cannot compile it as a whole: code that falls back to Python at one
    place would be judged and timed as what it is not.
    """

    def __init__(self, function: Callable[..., Any], *, dynamic: bool | None = None) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._compiled = torch.compile(_plain(function), fullgraph=True, dynamic=dynamic)

    def __call__(self, **arguments: Any) -> Any:
        """Return what the function returns."""
        with _refusals():
            return self._compiled(**arguments)

    def __getattr__(self, name: str) -> Any:
        if name == "_function":  # while it is being made
            raise AttributeError(name)
        return getattr(self._function, name)


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise what the compiler refuses as FormulaError."""
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        said = reason(getattr(error, "inner_exception", error))  # what the backend met, if it is that
        raise FormulaError(f"torch.compile cannot compile it: {said}") from error


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what has code of its own, which PyTorch compiles, for an object that is called."""
    return function if hasattr(function, "__code__") else lambda **arguments: function(**arguments)


def compiled(derivation: Derivation, *, dynamic: bool | None = None) -> Derivation:
    """Return a derivation that runs compiled; without `dynamic`, each shape is compiled by itself."""
    _start()
    return replace(derivation, function=Compiled(derivation.function, dynamic=dynamic))


@functools.cache
def _start() -> None:
    """Import the compiler and start it, which takes seconds the first time and is nobody's compile time."""
    import torch._dynamo

    for limit in ("recompile_limit", "accumulated_recompile_limit"):
        setattr(torch._dynamo.config, limit, MOST_VARIANTS)
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    with torch.no_grad(), warnings.catch_warnings(), _refusals():
        warnings.simplefilter("ignore")  # of what PyTorch's own parts use
        torch.compile(lambda x: x + 1, fullgraph=True)(torch.ones(2))
