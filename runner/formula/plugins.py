"""Formulas from outside the repository: modules and files that call `register` when they are imported."""

import importlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from runner.errors import STOPS, UserError, reason
from runner.formula import beside, registry
from runner.process import OF_PROCESS, Functions, kept

_loaded: dict[str, set[str]] = {}
"""The formulas that each plug-in registered; their forward may come from elsewhere."""
_replaced: dict[str, list[str]] = {}
"""The functions that importing a plug-in replaced, as `torch.sin`."""


def load(plugins: Iterable[str]) -> None:
    """Import each plug-in once: an importable module, or the path of a .py file from the working directory.

    What an import changes in the process is put back: a default dtype would change the numbers of others.
    Raises UserError for one that does not import, or that registers no formula; nothing of it is kept.
    """
    for plugin in plugins:
        known = registry.registered()
        module = beside.name_of(Path(plugin)) if plugin.endswith(".py") else plugin
        if _is_loaded(module, known):
            continue
        functions = Functions()
        try:
            with kept(OF_PROCESS):
                _import(plugin, module)
        except BaseException as error:  # a plug-in may raise anything
            sys.modules.pop(module, None)
            registry.forget(_unfinished(module, known))
            if isinstance(error, STOPS):
                raise
            raise UserError(f"plugins: {plugin}: {reason(error)}{_instead(error)}") from error
        _replaced[plugin] = functions.replaced()
        _loaded[module] = registry.registered().keys() - known.keys()
        if not _loaded[module]:
            raise UserError(f"plugins: {plugin}: was imported, but registers no formula")


def _import(plugin: str, module: str) -> None:
    if plugin.endswith(".py"):
        beside.import_file(Path(plugin))
    else:
        importlib.import_module(module)


def _instead(error: BaseException) -> str:
    """Say how a plug-in names handgrad, where the `runner` that it found is one that lies beside it."""
    missed = error.name if isinstance(error, ModuleNotFoundError) else None
    part = str(missed).removeprefix("runner.")
    return f"; write handgrad.{part} here" if missed != part and part in ("formula", "function") else ""


def replaced(plugins: Iterable[str]) -> dict[str, list[str]]:
    """Return what importing each of the plug-ins replaced, where it did."""
    return {plugin: found for plugin in plugins if (found := _replaced.get(plugin))}


def _unfinished(module: str, known: Mapping[str, str]) -> set[str]:
    """Return what a plug-in registered before it failed, but not what it imported from files that did not."""
    return {
        name
        for name, owner in registry.registered().items()
        if name not in known and (owner == module or owner.rpartition(".")[2] != name)
    }


def _is_loaded(module: str, known: Mapping[str, str]) -> bool:
    """Tell whether a plug-in's formulas are known: those it registered, or those written in it."""
    if registered := _loaded.get(module):
        return registered <= known.keys()
    return module in sys.modules and any(f"{owner}.".startswith(f"{module}.") for owner in known.values())
