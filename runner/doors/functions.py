"""Adapters for PyTorch's own: an `autograd.Function`, an op of `torch.library`, a function of tensors."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import Parameter
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from runner.doors.arguments import Arguments, as_complex, as_pairs, results_of, title_of
from runner.doors.engine import ThroughEngine
from runner.errors import BadInput, FormulaError, printable, unknown
from runner.formula.foreign import own_arguments
from runner.formula.raw_backward import RawBackward


class InCall:
    """A derivation that is handed what its call had: complex tensors, and generators in their first state.

    Here they are pairs of real numbers; the gradient by one is the pair of the derivatives by real and
    imaginary part, which is how PyTorch defines that of a complex number. `seed` starts PyTorch's own
    random numbers before each forward.
    """

    def __init__(self, inner: Any, arguments: Arguments, outputs: Collection[str], seed: int | None) -> None:
        self._inner, self._arguments, self._complex, self._seed = inner, arguments, {*outputs}, seed
        self.guards_inputs = getattr(inner, "guards_inputs", True)
        self.__name__, self.__module__, self.__signature__ = (
            inner.__name__,
            inner.__module__,
            inner.__signature__,
        )
        self.__wrapped__ = inner
        self.is_recorded = getattr(inner, "is_recorded", False)

    def prepare(self, values: Mapping[str, Any], frozen: Collection[str] = ()) -> Any:
        """Prepare what is inside for the values as the call has them."""
        with alike(self._seed):
            return self._inner.prepare(self._restored(values), frozen)

    def __call__(self, prepared: Any, **values: Any) -> dict[str, Tensor]:
        """Return the gradients, complex ones as pairs."""
        upstream = {name: self._as_in_call(name.removeprefix("grad_"), v) for name, v in values.items()}
        with alike(self._seed):
            found = self._inner(prepared, **upstream)
        return {name: as_pairs(gradient) for name, gradient in found.items()}

    def _restored(self, values: Mapping[str, Any]) -> dict[str, Any]:
        restored = {name: self._arguments.value(name, values) for name in values}
        return {name: self._as_in_call(name, value) for name, value in restored.items()}

    def _as_in_call(self, name: str, value: Any) -> Any:
        return as_complex(value) if name in self._complex and isinstance(value, Tensor) else value


@contextmanager
def alike(seed: int | None) -> Iterator[None]:
    """Start PyTorch's random numbers anew, where there is a seed, and put them back afterwards."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


class Plain:
    """A plain function of the upstream gradient, inputs and results, which answers by name or in order."""

    def __init__(
        self,
        function: Callable[..., Any],
        known: Collection[str],
        outputs: Sequence[str],
        order: Sequence[str],
    ) -> None:
        self._function, self._order, self._title = function, order, title_of(function)
        asked = [*inspect.signature(function).parameters]
        self._own = dict(zip(asked, _by_our_names(self._title, asked, known, outputs), strict=True))
        self.__name__, self.__module__, self.__wrapped__ = (
            self._title.rpartition(".")[2],
            function.__module__,
            function,
        )
        self.__signature__ = inspect.Signature(
            [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in self._own.values()]
        )

    def __call__(self, **values: Any) -> dict[str, Any]:
        """Call the function by its own names, and name what it returns."""
        asked = inspect.signature(self._function).parameters
        given = {own: values[name] for own, name in self._own.items()}
        by_position = [given.pop(n) for n, p in asked.items() if p.kind is not Parameter.KEYWORD_ONLY]
        return named(self._function(*by_position, **given), self._order, self._title)


def named(result: Any, order: Sequence[str], title: str) -> dict[str, Any]:
    """Name the gradients that a function returns: those of its dict, or in the order of the inputs.

    Raises FormulaError for another number of them.
    """
    if isinstance(result, Mapping):
        return dict(result)
    listed = [*result] if isinstance(result, list | tuple) else [result]
    if len(listed) != len(order):
        raise FormulaError(
            f"{title} returns {len(listed)} gradients for {len(order)} inputs: {', '.join(order)}; None "
            "stands for one that it does not give, or a dict names them"
        )
    return {name: gradient for name, gradient in zip(order, listed, strict=True) if gradient is not None}


def _by_our_names(
    title: str, asked: Sequence[str], known: Collection[str], outputs: Sequence[str]
) -> list[str]:
    """Return what a function's arguments are here; those that nobody knows are the upstream gradients."""
    upstream = [f"grad_{output}" for output in outputs]
    ours = {*known, *upstream}
    others = [name for name in asked if name not in ours]
    if len(others) == len(upstream):
        return [upstream[others.index(name)] if name in others else name for name in asked]
    if others:
        raise BadInput(f"{title}: {unknown('argument', others[0], ours)}")
    return [*asked]


def function_of(subject: Any) -> type[Function] | None:
    """Return the autograd Function that is meant by itself or by its `apply`."""
    owner = getattr(subject, "__self__", subject)
    return owner if isinstance(owner, type) and issubclass(owner, Function) else None


def own_forward(function: type[Function]) -> Callable[..., Any]:
    """Return a function with the arguments of a Function's forward, the context left out."""
    names = own_arguments(function)
    parameters = inspect.signature(function.forward).parameters

    def forward(*arguments: Any) -> Any:
        return function.apply(*arguments)  # type: ignore[no-untyped-call]

    kept = [p for p in parameters.values() if p.name in names or p.kind is Parameter.VAR_POSITIONAL]
    forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [p.replace(annotation=Parameter.empty) for p in kept]
    )
    forward.__qualname__, forward.__module__ = function.__qualname__, function.__module__
    return forward


def raw(
    function: type[Function],
    forward: Callable[..., Any],
    arguments: Arguments,
    *,
    outputs: Sequence[str],
    names: Sequence[str] | None,
    chosen: Mapping[str, Any],
    **settings: Any,
) -> RawBackward:
    """Return a Function's backward as a derivation, its arguments matched with those of the reference.

    Arguments that the Function alone has keep their defaults, or what is `chosen` for them.
    """
    title, own = function.__name__, inspect.signature(own_forward(function)).parameters
    known = [*arguments.tensors, *arguments.settings]
    options = {n: p.default for n, p in own.items() if n not in known and p.default is not Parameter.empty}
    options |= chosen
    asked = [name for name in own if name not in options]
    if names is not None:
        matched, options = [*names], {}
    elif {*asked} <= {*known} and {*arguments.tensors} <= {*asked}:
        matched = [*own]
    elif len(asked) == len(arguments.handed) or any(p.kind is Parameter.VAR_POSITIONAL for p in own.values()):
        matched = [*arguments.handed]
    elif len(asked) == len(arguments.names):
        matched = arguments.names
    else:
        raise BadInput(
            f"{title}.apply takes {', '.join(own)}; the reference was handed {', '.join(arguments.handed)}: "
            "name in names=(...) what each of the former is"
        )
    return RawBackward(
        function,
        forward,
        tuple(matched),
        name="backward",
        options=options,
        outputs=tuple(outputs),
        **settings,
    )


def op_of(subject: Any) -> Any:
    """Return the definition of an op made with `torch.library.custom_op`, also from the op itself."""
    from torch._library.custom_ops import OPDEFS, CustomOpDef  # private, as PyTorch has no other way to it

    if isinstance(subject, CustomOpDef):
        return subject
    name = getattr(subject, "_qualified_op_name", None) or getattr(subject, "_name", None)
    return OPDEFS.get(str(name).rpartition(".")[0] or name) or OPDEFS.get(name) if name else None


def function_of_op(op: Any) -> type[Function] | None:
    """Return a Function that has an op's forward, context and backward, or None where it has no backward.

    What PyTorch makes of the two sums and casts as the engine does; here backward is called as it stands.
    """
    if op._backward_fn is None or op._setup_context_fn is None:
        return None
    parameters = inspect.signature(op._init_fn).parameters
    by_name = [n for n, p in parameters.items() if p.kind is Parameter.KEYWORD_ONLY]

    def forward(*arguments: Any) -> Any:
        count = len(arguments) - len(by_name)
        return op(*arguments[:count], **dict(zip(by_name, arguments[count:], strict=True)))

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        count = len(inputs) - len(by_name)
        named_only = (
            {"keyword_only_inputs": dict(zip(by_name, inputs[count:], strict=True))} if by_name else {}
        )
        op._setup_context_fn(ctx=ctx, inputs=inputs[:count], output=output, **named_only)

    def backward(ctx: Any, *upstream: Any) -> Any:
        found = op._backward_fn(ctx, *upstream)
        return (*(found if isinstance(found, tuple) else (found,)), *(None for _ in by_name))

    forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            p.replace(kind=Parameter.POSITIONAL_OR_KEYWORD, annotation=Parameter.empty)
            for p in parameters.values()
        ]
    )
    backward.__wrapped__ = op._backward_fn  # type: ignore[attr-defined]
    body = {name: staticmethod(made) for name, made in (("forward", forward), ("backward", backward))}
    body["setup_context"] = staticmethod(setup_context)
    return type(op._init_fn.__name__, (Function,), {**body, "__module__": op._init_fn.__module__})


def opcheck(op: Any, arguments: Sequence[Any]) -> dict[str, str]:
    """Return what PyTorch's own tests of an op say: of registration and tracing, of no gradient's value."""
    given = [
        v.detach().clone().requires_grad_(v.is_floating_point()) if isinstance(v, Tensor) else v
        for v in arguments
    ]
    parameters = inspect.signature(op._init_fn).parameters.values()
    count = len(given) - sum(p.kind is Parameter.KEYWORD_ONLY for p in parameters)
    by_name = dict(zip([p.name for p in parameters][count:], given[count:], strict=True))
    found = torch.library.opcheck(op, tuple(given[:count]), by_name, raise_exception=False)
    return {name: "passed" if said == "SUCCESS" else printable(str(said)) for name, said in found.items()}


def through_engine(
    function: Callable[..., Any], arguments: Arguments, outputs: Sequence[str], **settings: Any
) -> ThroughEngine:
    """Return a function of tensors as a derivation: the backward inside is run by autograd's engine."""
    title = title_of(function)

    def evaluate(values: Mapping[str, Any]) -> dict[str, Any]:
        results = results_of(arguments.call(function, values), title)
        return dict(zip(outputs, results.values(), strict=False))

    return ThroughEngine(evaluate, name="backward", title=title, outputs=outputs, source=function, **settings)
