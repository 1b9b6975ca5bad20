"""A Function's backward as a derivation, called raw on the context that its own forward made."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import BackwardCFunction, FunctionCtx

from runner.compare import magnitude, max_abs_error
from runner.errors import FormulaError, unknown
from runner.formula.signature import signature

SAME_FORWARD = 64 * 2.0**-24
"""Of the largest result: what float32 inside makes of it, with the room that right gradients have."""


class ForwardDiffersError(FormulaError):
    """A Function's forward is another function than the reference, or so at some numbers."""


@dataclass(frozen=True)
class Prepared:
    """A Function that has run forward: its context, and the upstream gradients that nobody sets."""

    ctx: Any
    tensors: frozenset[str]
    rest: Sequence[Tensor | None]
    returned: Sequence[Any] = ()


class RawBackward:
    """A Function's backward as a derivation: asks by name, answers by name.

    `prepare` makes what it is called with, so that forward runs neither on the clock nor without autograd.
    """

    def __init__(
        self,
        function: type[Function],
        forward: Callable[..., Any],
        arguments: tuple[str, ...],
        *,
        name: str,
        options: Mapping[str, Any],
        outputs: tuple[str, ...],
        constants: tuple[str, ...],
        in_place: bool,
        tolerance: float = 0.0,
        compared: bool = True,
    ) -> None:
        self._function, self._arguments = function, arguments
        self._outputs, self._constants, self._in_place = outputs, constants, in_place
        self._title, self._tolerance = function.__name__, max(tolerance, SAME_FORWARD)
        self._compared = compared  # with the results of the reference
        self._optional = _known_arguments(self._title, forward, arguments, options)
        # A Function may define vjp in place of backward.
        self._backward = function.backward if function.vjp is Function.vjp else function.vjp
        self.__name__, self.__module__, self.__doc__ = name, function.__module__, function.__doc__
        self.__wrapped__ = self._backward  # where the source is
        self.__signature__ = _asks_for(outputs, options)

    def prepare(self, values: Mapping[str, Any], frozen: Collection[str] = ()) -> Prepared:
        """Run the Function's forward with recording on; return its context and what goes with it.

        The inputs that are `frozen` need no gradient. Raises FormulaError where the results of forward are
        not those of the reference.
        """
        fixed = {*self._constants, *frozen}
        given = {name: self._argument(name, values, fixed) for name in self._arguments}
        with torch.enable_grad(), _materializes() as materializes:
            results = self._applied(given.values())
        tensors = frozenset(name for name, value in given.items() if isinstance(value, Tensor))
        self._same_forward(results, values)
        rest = [_nothing(result, materializes[-1]) for result in results[len(self._outputs) :]]
        return Prepared(self._context(results), tensors, rest, results)

    def __call__(self, prepared: Prepared, **values: Any) -> dict[str, Tensor]:
        """Call backward on its context; return the gradients of the inputs that need one, by name."""
        upstream = [values[f"grad_{output}"] for output in self._outputs]
        found = self._backward(prepared.ctx, *upstream, *prepared.rest)
        gradients = found if isinstance(found, tuple) else (found,)
        self._right_number(gradients)
        named = dict(zip(self._arguments, gradients, strict=False))
        needed = dict(zip(self._arguments, prepared.ctx.needs_input_grad, strict=True))
        for name, gradient in named.items():
            self._right_kind(name, gradient, needed[name], name in prepared.tensors)
        return {name: gradient for name, gradient in named.items() if needed[name]}

    def recorded(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the gradients through the Function's own `apply`, with a graph of their own.

        The tensors are used as they are, so that they may be leaves. Raises what PyTorch does for a
        Function that cannot be differentiated twice.
        """
        given = (values[name] for name in self._arguments if name in values)
        wrt = [value for value in given if isinstance(value, Tensor) and value.requires_grad]
        names = [name for name in self._arguments if any(values.get(name) is value for value in wrt)]
        with torch.enable_grad():
            upstream = [values[f"grad_{output}"] for output in self._outputs]
            gradients = torch.autograd.grad(
                [*self.applied(values).values()], wrt, upstream, create_graph=True, materialize_grads=True
            )
        return dict(zip(names, gradients, strict=True))

    def in_order(self, values: Mapping[str, Any]) -> list[Any]:
        """Return what `apply` takes, one after another."""
        return [values[name] if name in values else self._optional[name] for name in self._arguments]

    def applied(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return what the Function's own `apply` makes of the tensors as they are, by output."""
        with torch.enable_grad():
            return dict(zip(self._outputs, self._applied(self.in_order(values)), strict=False))

    def _argument(self, name: str, values: Mapping[str, Any], fixed: Collection[str]) -> Any:
        """Return a hyper-parameter as it is, and a tensor as a leaf, or as the copy of one."""
        value = values[name] if name in values else self._optional[name]
        if not isinstance(value, Tensor):
            return value
        has_gradient = value.is_floating_point() or value.is_complex()
        leaf = value.detach().requires_grad_(has_gradient and name not in fixed)
        return leaf.clone() if self._in_place else leaf

    def _applied(self, arguments: Iterable[Any]) -> tuple[Any, ...]:
        try:
            results = self._function.apply(*arguments)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if "leaf Variable" not in str(error):
                raise
            raise FormulaError(
                f"{self._title}.forward writes to its inputs; register it with in_place=True"
            ) from error
        return results if isinstance(results, tuple) else (results,)

    def _context(self, results: Iterable[Any]) -> Any:
        for result in results:
            node = getattr(result, "grad_fn", None)
            if isinstance(node, BackwardCFunction):
                return node
        raise FormulaError(
            f"{self._title}: no result of its forward is differentiable; its arguments are "
            f"{', '.join(self._arguments)}"
        )

    def _same_forward(self, results: Sequence[Any], values: Mapping[str, Any]) -> None:
        if len(results) < len(self._outputs):
            raise FormulaError(
                f"{self._title}.forward returns {len(results)} results; outputs names "
                f"{', '.join(self._outputs)}"
            )
        for output, result in zip(self._outputs if self._compared else (), results, strict=False):
            same_result(f"{self._title}.forward: {output}", result, values[output], self._tolerance)

    def _right_number(self, gradients: Sequence[Any]) -> None:
        expected, received = len(self._arguments), len(gradients)
        beyond = gradients[expected:]  # PyTorch allows None there
        if received < expected or any(gradient is not None for gradient in beyond):
            raise FormulaError(
                f"{self._title}.backward returns {received} gradients for {expected} arguments: "
                f"{', '.join(self._arguments)}"
            )

    def _right_kind(self, name: str, gradient: Any, needed: bool, is_tensor: bool) -> None:
        if needed and gradient is None:
            raise FormulaError(
                f"{self._title}.backward returns None for {name}, which is differentiable; an input that is "
                "held fixed belongs in constants"
            )
        if gradient is not None and not is_tensor:
            raise FormulaError(f"{self._title}.backward returns a gradient for {name}, which is not a tensor")


def _nothing(result: Any, materialize: bool) -> Tensor | None:
    """Return the upstream gradient of a result that nobody used: zeros, or None where a Function asks so."""
    return torch.zeros_like(result) if materialize and isinstance(result, Tensor) else None


@contextmanager
def _materializes() -> Iterator[list[bool]]:
    """Hear whether a forward wants zeros for what nobody used, which its context does not tell."""
    original, heard = FunctionCtx.set_materialize_grads, [True]

    def set_materialize_grads(ctx: FunctionCtx, value: bool) -> None:
        heard.append(value)
        original(ctx, value)

    FunctionCtx.set_materialize_grads = set_materialize_grads  # type: ignore[method-assign,assignment]
    try:
        yield heard
    finally:
        FunctionCtx.set_materialize_grads = original  # type: ignore[method-assign]


def _known_arguments(
    title: str, forward: Callable[..., Any], arguments: Sequence[str], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Refuse an argument that the reference does not have; return the values of those it may go without."""
    reference = signature(forward)
    known = {**reference.positional, **reference.keyword_only, **options}
    for name in arguments:
        if name not in known and not reference.takes_rest:
            raise FormulaError(f"{title}: {unknown('argument', name, known)}")
        if arguments.count(name) > 1:
            raise FormulaError(f"{title}: {name} names two of its arguments; each has its own gradient")
    return {name: default for name, default in known.items() if default is not Parameter.empty}


def _asks_for(outputs: Iterable[str], options: Mapping[str, Any]) -> Signature:
    """Spell out the arguments of a raw backward for `runner.formula`."""
    positional = ("prepared", *(f"grad_{output}" for output in outputs))
    return Signature(
        [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in positional]
        + [Parameter(name, Parameter.KEYWORD_ONLY, default=default) for name, default in options.items()]
    )


def same_result(what: str, result: Any, reference: Tensor, tolerance: float = SAME_FORWARD) -> None:
    """Refuse a forward that is not the reference: a backward is right or wrong for its own forward only.

    Values are compared in float64 alone, for in a lower precision either of them may be the better one, and
    to what a kernel that computes in float32 inside can give. Another dtype is a TypeError, as from any
    kernel that does not know the one it was given.
    """
    if not isinstance(result, Tensor):
        raise FormulaError(f"{what} is a {type(result).__name__}, not a tensor")
    if result.dtype != reference.dtype:
        raise TypeError(f"{what} is {result.dtype}; that of the reference forward is {reference.dtype}")
    if result.shape != reference.shape:
        shapes = tuple(result.shape), tuple(reference.shape)
        raise FormulaError("{} has shape {}; that of the reference forward is {}".format(what, *shapes))
    if result.dtype not in (torch.float64, torch.complex128):
        return
    found, right = result.detach(), reference
    if found.is_complex():
        found, right = (torch.view_as_real(value.resolve_conj()) for value in (found, right))
    error = max_abs_error(found, right)
    if not error <= tolerance * magnitude(right):
        raise ForwardDiffersError(f"{what} differs from the reference forward, by up to {error:.3g}")
