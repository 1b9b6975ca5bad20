"""Adapters for an `nn.Module`: gradients by its parameters and its inputs, by their own names."""

import copy
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from runner.doors.arguments import Arguments, results_of, taken_apart
from runner.doors.engine import ThroughEngine, asks_for
from runner.doors.functions import named
from runner.errors import BadInput
from runner.formula.raw_backward import SAME_FORWARD, same_result

Results = Mapping[str, Tensor]


def with_parameters(module: nn.Module, given: Sequence[Any], settings: Mapping[str, Any]) -> Arguments:
    """Return what a module's forward was handed, and its parameters beside it.

    Raises BadInput for a module that has none, and for inputs that have the name of one.
    """
    title = type(module).__name__
    parameters = {name: value for name, value in module.named_parameters() if value.requires_grad}
    if not parameters:
        raise BadInput(
            f"{title} has no parameter that requires a gradient; judge it as a function: lambda x: module(x)"
        )
    arguments = taken_apart(module.forward, given, settings, title, empty=True)
    if clash := {*arguments.tensors} & {*parameters}:
        raise BadInput(f"{title}: {', '.join(sorted(clash))} names both an input and a parameter")
    own = {name: value.detach().clone() for name, value in parameters.items()}
    return replace(arguments, tensors={**arguments.tensors, **own})


def called(module: nn.Module, arguments: Arguments, values: Mapping[str, Any]) -> Any:
    """Call a module with other parameters and inputs; its buffers take their dtype, and stay as they are."""
    parameters = {name: values[name] for name, _ in module.named_parameters() if name in values}
    dtype = next((value.dtype for value in parameters.values()), None)
    state = {**parameters, **_buffers(module, dtype)}
    return arguments.call(lambda *inputs, **options: functional_call(module, state, inputs, options), values)


def same_state(reference: nn.Module, module: nn.Module) -> None:
    """Refuse a reference module whose parameters are not those of the module that is judged."""
    own, others = ({n: tuple(p.shape) for n, p in m.named_parameters()} for m in (module, reference))
    if {n: own[n] for n in own if n in others} != others:
        raise BadInput(
            f"{type(reference).__name__} is no reference for {type(module).__name__}: its parameters are "
            f"{_listed(others)}, those to be judged {_listed(own)}; both must have the same state"
        )


def by_its_names(function: Callable[..., Any], names: Collection[str], title: str) -> Callable[..., Any]:
    """Return a plain reference as a function of values by name: parameters with `_` for the dots."""
    ours = {name.replace(".", "_"): name for name in names}
    try:
        asked = inspect.signature(function).parameters
    except (TypeError, ValueError):  # C code, as torch.nn.functional.linear, takes them in their order
        return lambda values: function(*(values[name] for name in names if name in values))
    for name, parameter in asked.items():
        if name not in ours and parameter.default is parameter.empty:
            raise BadInput(f"{title}: the reference asks for {name}; there is {', '.join(ours)}")

    def evaluate(values: Mapping[str, Any]) -> Any:
        return function(**{name: values[ours[name]] for name in asked if name in ours})

    return evaluate


class OwnBackward:
    """A module with a method `backward`, as is written to learn: forward keeps what it needs.

    What it returns are the gradients of the inputs; those of the parameters it leaves in `grads`, by name, or
    in each parameter's `grad`. It is called on a copy.
    """

    guards_inputs = False  # an attribute keeps them as they are

    def __init__(
        self,
        module: nn.Module,
        arguments: Arguments,
        inputs: Sequence[str],
        outputs: Sequence[str],
        compared: bool = True,
    ) -> None:
        self._module, self._arguments, self._inputs, self._outputs = module, arguments, inputs, outputs
        self._compared = compared
        self.__name__, self.__module__ = "backward", type(module).__module__
        self.__wrapped__ = getattr(type(module), "backward")  # noqa: B009  where the source is
        self.__signature__ = asks_for(outputs)

    def prepare(self, values: Mapping[str, Any], frozen: Collection[str] = ()) -> nn.Module:
        """Run forward on a copy whose parameters are the values."""
        parameters = {n: values[n] for n, _ in self._module.named_parameters() if n in values}
        dtype = next(iter(parameters.values())).dtype
        module = copy.deepcopy(self._module).to(dtype)
        for name, parameter in module.named_parameters():
            if name in parameters:
                parameter.data, parameter.grad = parameters[name].detach(), None
        with torch.no_grad():
            results = results_of(self._arguments.call(module, values), type(module).__name__)
        for name, result in zip(self._outputs if self._compared else (), results.values(), strict=False):
            same_result(f"{type(module).__name__}: {name}", result, values[name], SAME_FORWARD)
        return module

    def __call__(self, prepared: nn.Module, **values: Any) -> dict[str, Any]:
        """Return the gradients that its backward gives, by name."""
        upstream = [values[f"grad_{output}"] for output in self._outputs]
        returned = prepared.backward(*upstream)  # type: ignore[operator]
        kept = getattr(prepared, "grads", {})
        left = {n: p.grad for n, p in prepared.named_parameters() if p.grad is not None}
        of_inputs = {} if returned is None else named(returned, self._inputs, type(prepared).__name__)
        return {**left, **(kept if isinstance(kept, Mapping) else {}), **of_inputs}


def derivation(
    module: nn.Module,
    arguments: Arguments,
    outputs: Sequence[str],
    differentiable: Sequence[str],
    compared: bool,
) -> Any:
    """Return a module's backward as a derivation: its own method, or what its forward records."""
    inputs = [name for name in differentiable if name not in dict(module.named_parameters())]
    if hasattr(module, "backward"):
        return OwnBackward(module, arguments, inputs, outputs, compared)

    def evaluate(values: Mapping[str, Any]) -> dict[str, Any]:
        results = results_of(called(module, arguments, values), type(module).__name__)
        return dict(zip(outputs, results.values(), strict=False))

    return ThroughEngine(
        evaluate,
        name="backward",
        title=type(module).__name__,
        differentiable=differentiable,
        outputs=outputs,
        source=type(module),
        compared=compared,
    )


def _buffers(module: nn.Module, dtype: torch.dtype | None) -> dict[str, Tensor]:
    buffers = {name: value.detach().clone() for name, value in module.named_buffers()}
    return {n: value.to(dtype) if value.is_floating_point() else value for n, value in buffers.items()}


def _listed(parameters: Mapping[str, tuple[int, ...]]) -> str:
    return (
        ", ".join(f"{n} {'x'.join(map(str, size)) or 'scalar'}" for n, size in parameters.items()) or "none"
    )
