"""Copies of functions that call changed ones, in copies of the modules they reach."""

from collections.abc import Mapping
from types import CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any

from runner.formula.signature import Function
from runner.names import package_of

UNCHANGED: Mapping[CodeType, CodeType] = MappingProxyType({})


def transplanted(
    derivation: Function,
    codes: Mapping[CodeType, CodeType] = UNCHANGED,
    bare: Function | None = None,
    made: list[FunctionType] | None = None,
) -> Function:
    """Return a copy of a derivation that calls changed functions, in copies of the modules it reaches.

    A decorated function is decorated again, but for the one that is to be `bare`. The modules themselves
    stay as they are: `forward` goes on calling the originals. The copies are put into the list `made`.
    """
    copies = [] if made is None else made
    package = package_of(derivation.__module__)
    namespaces: dict[int, dict[str, Any]] = {}

    def own(module: str | None) -> bool:
        return package_of(str(module)) == package

    def twin(value: Any) -> Any:
        if isinstance(value, FunctionType) and own(value.__module__):
            return remade(value)
        if isinstance(value, ModuleType) and own(value.__name__):
            module = ModuleType(value.__name__)
            module.__dict__.update(namespace(vars(value)))
            return module
        if type(value) in (list, tuple):
            return type(value)(map(twin, value))
        return {key: twin(entry) for key, entry in value.items()} if type(value) is dict else value

    def remade(function: Function) -> Function:
        decorator = getattr(function, "decorator", None)
        if decorator is None:
            return function_in(namespace(function.__globals__), function)
        inner = remade(function.__wrapped__)  # type: ignore[attr-defined]
        again: Function = inner if function is bare else decorator(inner)
        return again

    def function_in(globals_: dict[str, Any], function: Function) -> FunctionType:
        code = codes.get(function.__code__, function.__code__)
        copy = FunctionType(code, globals_, function.__name__, function.__defaults__, function.__closure__)
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__annotations__, copy.__module__ = function.__annotations__, function.__module__
        copies.append(copy)
        return copy

    def namespace(original: dict[str, Any]) -> dict[str, Any]:
        if id(original) not in namespaces:
            made = namespaces[id(original)] = dict(original)
            made |= {name: twin(value) for name, value in original.items() if not name.startswith("__")}
        return namespaces[id(original)]

    return remade(derivation)
