"""Lets a file be imported from anywhere, with the modules that lie beside it, and sys.path left alone.

Each folder of such files is a package of its own, `plugin:<folder>`: two folders may both have a
`helper.py`. While a file is imported, `import helper` finds the one beside it, as it would for a script,
and `runner` is handgrad's own, also where it is installed as `handgrad.runner`.
"""

import importlib
import importlib.util
import sys
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from runner.names import ABOVE, PACKAGES

PREFIX = "plugin:"
OURS = {"handgrad", *(f"{ABOVE}{name}".partition(".")[0] for name in PACKAGES)}
"""What may lie beside a plug-in, and is no part of it."""


def name_of(path: Path) -> str:
    """Name the module of a file after its place; its last part is the file's name."""
    root, parts = _place(path)
    return ".".join([_package(root), *parts])


def import_file(path: Path) -> None:
    """Import a file as `name_of` names it, and the package that it lies in; raises whatever they raise."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path.resolve()}")
    root, parts = _place(path)
    name = name_of(path)
    sys.modules.pop(name, None)
    with _neighbours(root), _names_of_a_clone(_package(root)):
        importlib.import_module(".".join([_package(root), *parts[:-1]]))
        if name not in sys.modules:  # its package may import it
            _execute(name, path.resolve())


def _execute(name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


def _place(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the first folder above a file that is no package, and the way from there to the module."""
    file = path.resolve()
    root = next(folder for folder in file.parents if not (folder / "__init__.py").exists())
    parts = file.relative_to(root).with_suffix("").parts
    return root, parts[:-1] if parts[-1] == "__init__" else parts


def _package(root: Path) -> str:
    return PREFIX + str(root).replace("%", "%25").replace(".", "%2E")  # a dot would end the package's name


@contextmanager
def _neighbours(root: Path) -> Iterator[None]:
    """Let `import helper` find what lies in a folder, until the import is done."""
    package = sys.modules.setdefault(_package(root), ModuleType(_package(root)))
    package.__path__ = [str(root)]
    finder = _Neighbours(package.__name__)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.found:
            sys.modules.pop(name, None)


class _Neighbours(MetaPathFinder):
    """Finds modules of one package without the package's name in front."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.found: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if top.startswith(PREFIX) or top in OURS or (path is not None and top not in self.found):
            return None
        full = f"{self.package}.{name}"
        spec = importlib.util.find_spec(full)
        if spec is None or (spec.origin is None and PathFinder.find_spec(name)):
            return None  # a folder without __init__.py comes after a package that is installed
        self.found.add(name)
        return ModuleSpec(name, _SameModule(importlib.import_module(full)))


@contextmanager
def _names_of_a_clone(package: str) -> Iterator[None]:
    """Let a wheel's packages be imported by their names in a clone, but for names of what lies beside.

    Whoever else has a `runner` finds it in its place again.
    """
    names = [name for name in PACKAGES if ABOVE and importlib.util.find_spec(f"{package}.{name}") is None]
    theirs, finder = _taken(names), _Installed(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _taken(names)
        sys.modules.update(theirs)


def _taken(packages: Container[str]) -> dict[str, ModuleType]:
    """Take what was imported of packages out of sys.modules, and return it."""
    return {name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] in packages}


class _Installed(MetaPathFinder):
    """Finds handgrad's own packages without `handgrad` in front."""

    def __init__(self, packages: Container[str]) -> None:
        self.packages = packages

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] not in self.packages:
            return None
        return ModuleSpec(name, _SameModule(importlib.import_module(f"{ABOVE}{name}")))


class _SameModule(Loader):
    """Gives a module that is imported already a second name."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec
