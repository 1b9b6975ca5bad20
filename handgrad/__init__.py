"""Proves hand-derived gradients right; each part is loaded when it is first asked for."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handgrad.formula import register, register_elementwise
    from handgrad.function import register_function

    __version__: str

__all__ = ["__version__", "register", "register_elementwise", "register_function"]

_MODULES = {"register": "formula", "register_elementwise": "formula", "register_function": "function"}
"""Where each public name stands, in a module of this package."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
