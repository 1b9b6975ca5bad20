"""Formulas from outside the repository: modules and files that call `register` when they are imported."""

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from runner import formula
from runner.errors import UserError, reason


def load(plugins: Iterable[str]) -> None:
    """Import each plug-in once: an importable module, or the path of a .py file.

    Raises UserError for one that does not import, or that registers no formula.
    """
    for plugin in plugins:
        known = formula.registered()
        module = _file(Path(plugin)) if plugin.endswith(".py") else plugin
        if module in sys.modules and any(owner.startswith(module) for owner in known.values()):
            continue
        try:
            _import(plugin, module)
        except Exception as error:  # a plug-in may raise anything
            sys.modules.pop(module, None)
            raise UserError(f"plugins: {plugin}: {reason(error)}") from error
        if formula.registered().keys() == known.keys():
            raise UserError(f"plugins: {plugin}: was imported, but registers no formula")


def _file(path: Path) -> str:
    """Name the module of a file after its place, so that its last part is the file's name."""
    return f"handgrad_plugin_{abs(hash(path.resolve()))}.{path.stem}"


def _import(plugin: str, module: str) -> None:
    if not plugin.endswith(".py"):
        importlib.import_module(module)
        return
    path = Path(plugin).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(module, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[module] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[module])
