"""Other people's backward: wraps an existing `torch.autograd.Function` as a formula.

The Function's own forward runs first, with recording on, on leaves that share memory with the inputs. That
makes the real context, with everything that `forward` saved in it. `backward` is then called on that
context as it stands, without the engine, which would sum a gradient to its input's shape, cast it to its
input's dtype, and expand it.
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch.autograd import Function

from runner.errors import FormulaError, printable
from runner.formula.formula import Formula
from runner.formula.pieces import of_module
from runner.formula.raw_backward import RawBackward
from runner.formula.registry import register
from runner.settings import Precision

__all__ = ["register_function"]


def register_function(
    function: type[Function],
    *,
    forward: Callable[..., Any],
    arguments: Iterable[str] | None = None,
    derivation: str = "backward",
    options: Mapping[str, Any] | None = None,
    in_place: bool = False,
    precision: Precision = "auto",
    gradients: Iterable[Callable[..., Any]] = (),
    **record: Any,
) -> Formula:
    """Register a Function beside a reference forward, which says what its gradients should be.

    `arguments` names what `apply` takes, in order: inputs and hyper-parameters of the reference `forward`,
    and `options`, hyper-parameters with their defaults that the Function alone has. Without it, the names
    are read from the Function's forward. `outputs` are the first results of `apply`; what follows them
    gets zeros as its upstream gradient. `in_place` says that its forward writes to its inputs, which are
    then copies. `precision` is where its correctness is decided: `auto` measures what it has, for a kernel
    may compute in float32 whatever it is given. `gradients` and `record` are those of
    `runner.formula.register`, which reads `shapes` and the other pieces from the calling file. Raises
    FormulaError.
    """
    if not (isinstance(function, type) and issubclass(function, Function)):
        raise FormulaError(
            f"register_function takes a class derived from torch.autograd.Function, not "
            f"{printable(repr(function))}; handgrad.judge takes modules, functions, custom ops and rules of "
            "JAX and NumPy as well"
        )
    pieces = of_module(sys._getframe(1).f_globals, {"forward": forward, **record})
    raw = RawBackward(
        function,
        forward,
        tuple(arguments) if arguments is not None else own_arguments(function),
        name=derivation,
        options=dict(options or {}),
        outputs=tuple(record.get("outputs", ("y",))),
        constants=tuple(record.get("constants", ())),
        in_place=in_place,
        tolerance=record.get("tolerance", 0.0),
    )
    return register(gradients=(raw, *gradients), precision=precision, **pieces)


def own_arguments(function: type[Function]) -> tuple[str, ...]:
    """Return the names that a Function's forward gives its arguments, the context left out."""
    names = [
        name
        for name, parameter in inspect.signature(function.forward).parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    sees_context = function.setup_context is Function.setup_context
    return tuple(names[1:] if sees_context else names)
