"""Moves `runner`, `experiments` and `conf` below `handgrad` in a wheel, where no user's own name is theirs.

In a clone they lie side by side, and an editable install leaves them there. In the wheel, import statements
name them by their new places; nothing else in a file changes, and no line moves.
"""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel
from setuptools.errors import SetupError

PUBLIC = "handgrad"
MOVED = ("conf", "experiments", "runner")
FOUND = [name for top in (PUBLIC, *MOVED) for name in find_namespace_packages(include=[top, f"{top}.*"])]


def is_moved(module: str | None) -> bool:
    """Tell whether a module has another name in the wheel."""
    return str(module).partition(".")[0] in MOVED


def moved(code: bytes, path: str) -> bytes:
    """Return a file whose import statements name modules as the wheel does."""
    lines = code.split(b"\n")
    for line, column in sorted(_names(ast.parse(code), path), reverse=True):
        before, name = lines[line - 1][:column], lines[line - 1][column:]
        if not name.startswith(tuple(top.encode() for top in MOVED)):
            raise SetupError(f"{path}:{line}: the module must stand one space behind `from`")
        lines[line - 1] = before + f"{PUBLIC}.".encode() + name
    return b"\n".join(lines)


def _names(tree: ast.Module, path: str) -> Iterator[tuple[int, int]]:
    """Yield line and column of every name in an import statement that changes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and is_moved(node.module):
            yield node.lineno, node.col_offset + len("from ")
        elif isinstance(node, ast.Import):
            for alias in filter(lambda alias: is_moved(alias.name), node.names):
                if not alias.asname:  # it would bind `handgrad`
                    raise SetupError(f"{path}:{alias.lineno}: import {alias.name}: write `from ... import`")
                yield alias.lineno, alias.col_offset


class BuildMoved(build_py):
    """Copies every file to its place in the wheel."""

    def run(self) -> None:
        """Build in an empty folder: what an earlier build left there would be in the wheel too."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()

    def build_module(self, module: str, module_file: str, package: Any) -> Any:
        """Copy one file, and rename what it imports."""
        made, copied = super().build_module(module, module_file, package)
        Path(made).write_bytes(moved(Path(module_file).read_bytes(), module_file))
        return made, copied


class LinkInPlace(editable_wheel):
    """Links the packages of a clone by the names that they have there."""

    def finalize_options(self) -> None:
        """Choose the packages before anything asks for them."""
        self.distribution.packages = [name for name in FOUND if not name.startswith("conf")]
        self.distribution.package_dir = {}
        super().finalize_options()


if __name__ == "__main__":
    setup(
        packages=[f"{PUBLIC}.{name}" if is_moved(name) else name for name in FOUND],
        package_dir={f"{PUBLIC}.{top}": top for top in MOVED},
        package_data={"": ["*.yaml", "py.typed", "assets/*"]},
        cmdclass={"build_py": BuildMoved, "editable_wheel": LinkInPlace},
    )
