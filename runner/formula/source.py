"""The code that a result depends on, as one short hash."""

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from runner.formula.beside import PREFIX
from runner.names import ABOVE, PACKAGES, package_of

INSTALLED = {"site-packages", "dist-packages"}


@cache
def fingerprint(module: str) -> str:
    """Hash a formula's module, what it imports of its own package, and the version of the runner.

    Of a package that is installed the module alone counts: the others change with its version.
    """
    digest = hashlib.sha256(_version().encode())
    for name, path in sorted(_files(module).items()):
        within = name.removeprefix(package_of(module))  # a plug-in's key does not change with its folder
        digest.update(f"\n{within}\n".encode() if name != module else b"\n")
        digest.update(_as_in_a_clone(path.read_bytes()))
    return digest.hexdigest()[:16]


def module_of(function: Callable[..., Any]) -> str:
    """Return the module that a function is written in: of `MyFunction.apply` the class's, not PyTorch's."""
    owner = getattr(function, "__self__", None)
    return (owner if isinstance(owner, type) else function).__module__


JUDGE = ("compare.py", "experiment.py", "case", "judge", "checks", "clock")
"""What decides verdict, errors and times. What only words them is left out: no result differs for it."""


@cache
def judge_fingerprint() -> str:
    """Hash the code that judges, so that old verdicts do not stand beside new ones."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(file for part in JUDGE for file in _python_files(root / part)):
        digest.update(f"\n{path.relative_to(root)}\n".encode())
        digest.update(_as_in_a_clone(path.read_bytes()))
    return digest.hexdigest()[:16]


def _as_in_a_clone(code: bytes) -> bytes:
    """Undo what building the wheel changes in imports: the same code has the same hash everywhere."""
    for name in PACKAGES:
        code = code.replace(f"{ABOVE}{name}".encode(), name.encode())
    return code


def _python_files(place: Path) -> Iterator[Path]:
    return place.rglob("*.py") if place.is_dir() else iter([place])


def _version() -> str:
    try:
        return importlib.metadata.version("handgrad")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _files(module: str) -> dict[str, Path]:
    """Follow imports within the module's package, by the files alone: nothing is imported for it."""
    own = getattr(sys.modules.get(module), "__file__", None)
    if own is None:
        return {}
    if INSTALLED & {*Path(own).parts}:  # of a package as large as PyTorch that would be a thousand files
        return {module: Path(own)}
    found, waiting = {module: Path(own)}, [module]
    while waiting:
        name = waiting.pop()
        for imported in _own(_imports(found[name], name), package_of(module)):
            path = _path(imported)
            if path and imported not in found:
                found[imported] = path
                waiting.append(imported)
    return found


def _own(imported: Iterable[str], package: str) -> Iterator[str]:
    """Yield what could be a module of a package: of a plug-in's, whatever could lie beside it."""
    for name in imported:
        if package_of(name) == package:
            yield name
        elif package.startswith(PREFIX):
            yield f"{package}.{name}"


def _imports(path: Path, module: str) -> Iterator[str]:
    """Yield every name in a file's import statements that could be a module."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            source = ".".join([*parents, *filter(None, [node.module])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _path(module: str) -> Path | None:
    """Return the file of a module that lies in a package imported already."""
    package = package_of(module)
    parts = module.removeprefix(package).split(".")[1:]
    for root in getattr(sys.modules.get(package), "__path__", ()):
        place = Path(root, *parts)
        for candidate in (place.with_suffix(".py"), place / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None
