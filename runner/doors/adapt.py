"""Tells what was handed over, and has a formula made of it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from runner.diagnose import say
from runner.doors import arrays, functions, modules
from runner.doors.arguments import as_pairs, readable, results_of, signature_of, taken_apart, title_of
from runner.doors.differences import by_differences
from runner.doors.subject import Claims, Maker, Subject
from runner.errors import BadInput, unknown
from runner.formula.raw_backward import RawBackward

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Handed:
    """What a user hands over: a subject, its reference, the arguments of both, and what is claimed beside."""

    subject: Any
    reference: Any
    given: Sequence[Any]
    named: Mapping[str, Any]
    claims: Claims

    @property
    def has_reference(self) -> bool:
        """Whether there is something to differentiate but the subject itself."""
        return self.reference is not None or self.claims.derivative_of is not None

    @property
    def described(self) -> Any:
        """What gradients are held against: the reference, or what a straight-through gradient stands for."""
        return self.claims.derivative_of or self.reference


@dataclass(frozen=True)
class Adapted:
    """What a formula can be made of; `beside` is what other tests say of it, by their name."""

    maker: Maker
    derivation: Any
    beside: Mapping[str, str] = field(default_factory=dict)

    def made(self, *others: "Adapted") -> Subject:
        """Return the formula, with the derivations of others for the same reference beside its own."""
        return self.maker.made([self.derivation, *(other.derivation for other in others)])


def adapted(handed: Handed) -> Adapted:
    """Return what a formula can be made of. Raises BadInput for what no door fits."""
    subject = handed.subject
    if isinstance(subject, nn.Module):
        return _module(handed)
    if isinstance(subject, tuple | list):
        return _pair(handed)
    if arrays.is_of_jax(subject):
        return _jax(handed)
    if (op := functions.op_of(subject)) is not None:
        return _op(handed, op)
    if (function := functions.function_of(subject)) is not None:
        return Adapted(*_raw(handed, function))
    if callable(subject):
        return _plain(handed)
    raise BadInput(
        f"a {type(subject).__name__} cannot be judged: hand over a Function, an op, a module or a function"
    )


def _raw(handed: Handed, function: Any) -> tuple[Maker, RawBackward]:
    own, claims = functions.own_forward(function), handed.claims
    maker = _maker(handed, function.__name__, own)
    _against(handed, maker, lambda values: maker.arguments.call(own, values))
    return maker, functions.raw(
        function,
        maker.forward,
        maker.arguments,
        outputs=maker.outputs,
        names=claims.names,
        chosen=maker.options,
        constants=tuple(maker.constants),
        in_place=claims.in_place,
        tolerance=max(claims.tolerance, maker.tolerance),
        compared=claims.derivative_of is None,
    )


def _op(handed: Handed, op: Any) -> Adapted:
    """Judge an op by its backward as it stands, beside PyTorch's own tests, which compare no gradient."""
    function = functions.function_of_op(op)
    if function is None:
        raise BadInput(
            f"{op._qualname}: has no backward to judge; register_autograd(backward, setup_context=...) gives "
            "it one"
        )
    maker, raw = _raw(handed, function)
    values = {**maker.arguments.settings, **maker.arguments.tensors}
    return Adapted(maker, raw, functions.opcheck(op, raw.in_order(values)))


def _plain(handed: Handed) -> Adapted:
    """Judge a plain function: a backward, or one in which a backward lies, which autograd's engine runs."""
    function, title = handed.subject, title_of(handed.subject)
    asked = _parameters(function)
    if not handed.has_reference and any(name.startswith("grad_") for name in asked):
        raise BadInput(f"{title}: a backward has no forward of its own: hand over a reference as plain code")
    if handed.has_reference and not {*asked} <= {*_parameters(handed.described, asked)}:
        maker = _maker(handed, title, None)
        maker.name_results(asked)
        known = [*maker.arguments.tensors, *maker.arguments.settings, *maker.outputs, *maker.saved]
        return Adapted(maker, functions.Plain(function, known, maker.outputs, maker.differentiable))
    maker = _maker(handed, title, function)
    _against(handed, maker, lambda values: maker.arguments.call(function, values))
    through = functions.through_engine(
        function,
        maker.arguments,
        maker.outputs,
        differentiable=maker.differentiable,
        tolerance=max(handed.claims.tolerance, maker.tolerance),
        compared=handed.claims.derivative_of is None,
    )
    return Adapted(maker, through)


def _module(handed: Handed) -> Adapted:
    module, reference = handed.subject, handed.described
    title = title_of(type(module))
    upstream, settings = _upstream(handed.named, ())
    arguments = modules.with_parameters(module, handed.given, settings)
    maker = Maker(title, arguments, handed.claims, module, upstream)
    if isinstance(reference, nn.Module):
        modules.same_state(reference, module)
        maker.evaluate = lambda values: modules.called(reference, arguments, values)
    elif reference is not None:
        names = [*arguments.tensors, *arguments.settings]
        maker.evaluate = modules.by_its_names(reference, names, title)
    _against(handed, maker, lambda values: modules.called(module, arguments, values))
    compared = handed.claims.derivative_of is None
    made = modules.derivation(module, arguments, maker.outputs, maker.differentiable, compared)
    return Adapted(maker, made)


def _pair(handed: Handed) -> Adapted:
    """Judge a pair of functions, of arrays as NumPy has them where arrays were handed over, or of tensors."""
    if len(handed.subject) != 2 or not all(map(callable, handed.subject)):
        raise BadInput("a pair is two functions: forward(...) -> (out, cache) and backward(dout, cache)")
    forward, backward = handed.subject
    maker = _maker(handed, title_of(forward), forward)
    of_arrays = not any(isinstance(value, torch.Tensor) for value in (*handed.given, *handed.named.values()))
    if of_arrays and maker.base not in (torch.float32, torch.float64):
        raise BadInput(f"{maker.title}: arrays of {maker.base} are not judged; hand over float32 or float64")
    evaluate = arrays.evaluator(forward, maker.arguments, of_arrays)
    values = {**maker.arguments.settings, **maker.arguments.tensors}
    if changed := arrays.written_to(evaluate, values):
        raise BadInput(f"{maker.title} writes to its argument {changed}; let it work on a copy")
    _against(handed, maker, lambda values: evaluate(values)[0])
    tolerance = max(handed.claims.tolerance, maker.tolerance)
    (output,) = maker.outputs if len(maker.outputs) == 1 else ("",)
    if not output:
        raise BadInput(f"{maker.title}: a pair has one output; its reference returns {len(maker.outputs)}")
    return Adapted(
        maker,
        arrays.Cached(evaluate, backward, maker.title, output, maker.differentiable, of_arrays, tolerance),
    )


def _jax(handed: Handed) -> Adapted:
    function, title = handed.subject, title_of(handed.subject)
    maker = _maker(handed, title, function)
    evaluate = arrays.jax_evaluator(function, maker.arguments)
    _against(handed, maker, evaluate)
    return Adapted(maker, arrays.OfJax(function, maker.arguments, maker.outputs, maker.differentiable, title))


def _maker(handed: Handed, title: str, own: Callable[..., Any] | None) -> Maker:
    """Take the call apart by the reference's names, or by those of the subject's own forward."""
    described = handed.described if handed.has_reference else own
    if described is None:
        raise BadInput(
            f"{title} has no forward of its own: hand over a reference, the mathematics as plain code"
        )
    if not callable(described):
        raise BadInput(f"{title}: the reference is a {type(described).__name__}, not a function")
    function = readable(_function(described), _parameters(own or handed.subject), handed.given)
    parameters = [*inspect.signature(function).parameters]
    upstream, rest = _upstream(handed.named, parameters)
    alone = {*inspect.signature(own).parameters} - {*parameters} if own is not None else set()
    arguments = taken_apart(function, handed.given, {n: v for n, v in rest.items() if n not in alone}, title)
    for name in handed.claims.constants:
        if name not in arguments.tensors:
            raise BadInput(f"{title}: {unknown('input in constants', name, arguments.tensors)}")
    maker = Maker(title, arguments, handed.claims, described, upstream)
    maker.evaluate = lambda values: arguments.call(function, values)
    maker.options = {name: value for name, value in rest.items() if name in alone}
    return maker


def _upstream(named: Mapping[str, Any], parameters: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell upstream gradients, `grad_<output>`, from the arguments of the reference."""
    is_upstream = {name: name.startswith("grad_") and name not in parameters for name in named}
    upstream = {n.removeprefix("grad_"): torch.as_tensor(v) for n, v in named.items() if is_upstream[n]}
    return upstream, {name: value for name, value in named.items() if not is_upstream[name]}


def _against(handed: Handed, maker: Maker, own: Callable[[Values], Any]) -> None:
    """Name the results; without a reference, hold the subject against differences of its own forward."""
    if handed.has_reference:
        maker.name_results(())
        return

    def by_name(values: Values) -> dict[str, Any]:
        results = results_of(own(values), maker.title)
        return {name: as_pairs(v) for name, v in zip(maker.outputs, results.values(), strict=False)}

    maker.evaluate = own
    maker.name_results(())
    values = {**maker.arguments.settings, **maker.arguments.tensors}
    maker.evaluate = differences = by_differences(by_name, maker.outputs, values, maker.differentiable)
    maker.tolerance = differences.tolerance
    maker.remarks = (say("finite_differences_alone", tolerance=differences.tolerance),)


def _function(described: Any) -> Callable[..., Any]:
    """Return the function that a reference is: of a module its forward, which has named arguments."""
    found: Callable[..., Any] = described.forward if isinstance(described, nn.Module) else described
    return found


def _parameters(described: Any, otherwise: Sequence[str] = ()) -> list[str]:
    """Return the names of a function's arguments; for C code those of another, upstream gradients apart."""
    try:
        return [*signature_of(_function(described), title_of(described)).parameters]
    except BadInput:
        if otherwise:
            return [name for name in otherwise if not name.startswith("grad_")]
        raise
