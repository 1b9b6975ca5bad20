"""What a function was handed, by name: tensors to differentiate by, and everything else as settings."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import Parameter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runner.errors import BadInput, unknown


@dataclass(frozen=True)
class Slot:
    """The place of a tensor or a setting among the arguments."""

    name: str


@dataclass(frozen=True)
class Arguments:
    """A call, taken apart: tensors and settings by name, and what puts them back in their places.

    `handed` names those that were handed over, and are no defaults. `constants` are the floating tensors that
    need no gradient. `complex` names those that are pairs of real numbers here, and complex ones in the call;
    `generators` are handed on in the state that each had.
    """

    signature: inspect.Signature
    tensors: Mapping[str, Tensor]
    settings: Mapping[str, Any]
    places: Mapping[str, Any]
    handed: tuple[str, ...] = ()
    constants: frozenset[str] = frozenset()
    complex: frozenset[str] = frozenset()
    generators: Mapping[str, Tensor] = field(default_factory=dict)

    def call(self, function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        """Call a function of the same signature with other values in the same places."""
        filled = {name: self._filled(place, values) for name, place in self.places.items()}
        bound = inspect.BoundArguments(self.signature, filled)
        return function(*bound.args, **bound.kwargs)

    @property
    def names(self) -> list[str]:
        """The name of every tensor and setting, in order."""
        return [slot.name for slot in _slots(self.places.values())]

    def value(self, name: str, values: Mapping[str, Any]) -> Any:
        """Return the value of a name as the call has it: a complex tensor for a pair of real ones."""
        value = values.get(name, self.settings.get(name))
        if isinstance(value, torch.Generator):
            value.set_state(self.generators[name])
        return as_complex(value) if name in self.complex and isinstance(value, Tensor) else value

    def _filled(self, place: Any, values: Mapping[str, Any]) -> Any:
        if isinstance(place, Slot):
            return self.value(place.name, values)
        if isinstance(place, Mapping):
            return {name: self._filled(part, values) for name, part in place.items()}
        return type(place)(self._filled(part, values) for part in place)


def signature_of(function: Callable[..., Any], title: str) -> inspect.Signature:
    """Return a function's arguments. Raises BadInput for those of C code, which have no names."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"{title}: its arguments cannot be read, as those of C code; hand over a def with named "
            "arguments that calls it"
        ) from error


def readable(function: Callable[..., Any], names: Sequence[str], given: Sequence[Any]) -> Callable[..., Any]:
    """Return a function whose arguments have names: those of C code, as `torch.relu`, are given some."""
    try:
        inspect.signature(function)
    except (TypeError, ValueError):
        inputs = [name for name in names if not name.startswith("grad_")][: len(given)]

        def named(*arguments: Any) -> Any:
            return function(*arguments)

        named.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in inputs]
        )
        named.__qualname__, named.__module__ = (
            title_of(function),
            getattr(function, "__module__", None) or "torch",
        )
        return named
    return function


def taken_apart(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    named: Mapping[str, Any],
    title: str,
    *,
    empty: bool = False,
) -> Arguments:
    """Bind arguments to a function's parameters and name each tensor among them, those in lists one by one.

    NumPy arrays become tensors, and complex tensors pairs of real numbers. Raises BadInput for arguments
    that the function does not take, and for tensors that nothing can be said of; for none that is
    floating, unless it may be `empty`.
    """
    signature = signature_of(function, title)
    for name in named:
        if name not in signature.parameters and not _takes_any(signature):
            raise BadInput(f"{title}: {unknown('argument', name, signature.parameters)}")
    try:
        bound = signature.bind(*arguments, **named)
    except TypeError as error:
        raise BadInput(
            f"{title}{signature}: {error}; {len(arguments)} were handed over by position"
        ) from error
    handed = {*bound.arguments}
    bound.apply_defaults()
    tensors: dict[str, Tensor] = {}
    settings: dict[str, Any] = {}
    places = {
        name: _place(name, value, signature.parameters[name].kind, tensors, settings)
        for name, value in bound.arguments.items()
    }
    slots = _slots(place for name, place in places.items() if name in handed)
    names = tuple(slot.name for slot in slots)
    return _examined(Arguments(signature, tensors, settings, places, names), title, empty)


def _takes_any(signature: inspect.Signature) -> bool:
    return any(parameter.kind is Parameter.VAR_KEYWORD for parameter in signature.parameters.values())


def _place(name: str, value: Any, kind: Any, tensors: dict[str, Tensor], settings: dict[str, Any]) -> Any:
    """Return what stands for a value, having put its tensors and settings where they are kept by name."""
    if kind is Parameter.VAR_KEYWORD:
        return {one: _place(one, part, None, tensors, settings) for one, part in value.items()}
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value.copy())
    if isinstance(value, Tensor):
        tensors[name] = value
    elif isinstance(value, list | tuple) and (kind is Parameter.VAR_POSITIONAL or _has_tensors(value)):
        return [_place(f"{name}{i}", part, None, tensors, settings) for i, part in enumerate(value)]
    else:
        settings[name] = value
    return Slot(name)


def _has_tensors(value: Iterable[Any]) -> bool:
    return any(isinstance(part, Tensor | np.ndarray) for part in value)


def _slots(places: Iterable[Any]) -> Iterable[Slot]:
    for place in places:
        if isinstance(place, Slot):
            yield place
        else:
            yield from _slots(place.values() if isinstance(place, Mapping) else place)


def _examined(found: Arguments, title: str, empty: bool) -> Arguments:
    """Refuse tensors of which nothing can be said; make pairs of complex ones."""
    differentiable = [n for n, t in found.tensors.items() if t.is_floating_point() or t.is_complex()]
    if not differentiable and not empty:
        given = ", ".join(f"{n}: {str(t.dtype).removeprefix('torch.')}" for n, t in found.tensors.items())
        raise BadInput(f"{title}: nothing to differentiate by among its arguments ({given or 'no tensor'})")
    for name, tensor in found.tensors.items():
        if tensor.layout != torch.strided or tensor.is_nested or tensor.is_quantized:
            raise BadInput(f"{title}: {name} is a tensor of layout {tensor.layout}; a dense one is judged")
        if tensor.grad_fn is not None:
            raise BadInput(f"{title}: {name} is the result of a computation; hand over {name}.detach()")
    devices = {str(tensor.device) for tensor in found.tensors.values()}
    if len(devices) > 1:
        raise BadInput(f"{title}: its tensors lie on {' and '.join(sorted(devices))}; put them on one device")
    _apart(found.tensors, title)
    pairs = frozenset(name for name in differentiable if found.tensors[name].is_complex())
    tensors = {name: as_pairs(tensor.detach()) for name, tensor in found.tensors.items()}
    states = {n: s.get_state() for n, s in found.settings.items() if isinstance(s, torch.Generator)}
    asked = {name for name in differentiable if found.tensors[name].requires_grad}
    constants = frozenset({*differentiable} - asked) if asked else frozenset()
    return replace(found, tensors=tensors, constants=constants, complex=pairs, generators=states)


def _apart(tensors: Mapping[str, Tensor], title: str) -> None:
    """Refuse two tensors of one memory: whoever writes to one of them would change the other."""
    owners: dict[int, str] = {}
    for name, tensor in tensors.items():
        memory = tensor.untyped_storage().data_ptr()
        if memory and (other := owners.setdefault(memory, name)) != name:
            raise BadInput(f"{title}: {other} and {name} share memory; hand over {name}.clone()")


def as_complex(value: Tensor) -> Tensor:
    """Return pairs of real numbers, (..., 2), as complex ones: (...)."""
    if value.dtype not in (torch.float32, torch.float64):
        raise NotImplementedError(f"PyTorch has no complex numbers of {value.dtype}")
    return torch.complex(*value.unbind(-1))


def as_pairs(value: Tensor) -> Tensor:
    """Return complex numbers, (...), as pairs of real ones, (..., 2); others as they are."""
    return torch.view_as_real(value.resolve_conj()) if value.is_complex() else value


def results_of(result: Any, title: str) -> dict[str, Any]:
    """Return what a forward gives by name: those of its dict, or those of its place.

    Raises BadInput where it gives no tensor.
    """
    if isinstance(result, Mapping):
        return dict(result)
    listed = result if isinstance(result, list | tuple) else (result,)
    tensors = [value for value in listed if isinstance(value, Tensor)]
    if not tensors:
        raise BadInput(f"{title} returns {type(result).__name__}; a tensor, or several, are differentiated")
    if len(tensors) == 1:
        return {"": tensors[0]}
    return {str(i): tensor for i, tensor in enumerate(tensors)}


def title_of(subject: Any) -> str:
    """Return what a function, class or module is called."""
    name = getattr(subject, "__qualname__", None) or type(subject).__name__
    return str(name).rpartition("<locals>.")[2].removesuffix(".apply")
