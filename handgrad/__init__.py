"""Proves hand-derived gradients right; each part is loaded when it is first asked for."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handgrad.doors import (
        BadInput,
        Comparison,
        Result,
        assert_gradients,
        cases,
        compare,
        judge,
        run,
    )
    from handgrad.formula import register, register_elementwise
    from handgrad.function import register_function
    from handgrad.report import read_report

    __version__: str

__all__ = [
    "BadInput", "Comparison", "Result", "__version__", "assert_gradients", "cases", "compare", "judge",
    "read_report", "register", "register_elementwise", "register_function", "run",
]  # fmt: skip

_MODULES = {
    "BadInput": "doors",
    "Comparison": "doors",
    "Result": "doors",
    "assert_gradients": "doors",
    "cases": "doors",
    "compare": "doors",
    "judge": "doors",
    "run": "doors",
    "read_report": "report",
    "register": "formula",
    "register_elementwise": "formula",
    "register_function": "function",
}
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
