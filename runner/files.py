"""The files that hold formulas, by name; read without importing one of them, as completion must."""

import importlib
from functools import cache
from pathlib import Path

from runner.errors import FormulaError
from runner.names import EXPERIMENTS


@cache
def formula_modules() -> dict[str, str]:
    """Find the files in `experiments/`; a leading underscore marks a helper, not a formula."""
    root = Path(importlib.import_module(EXPERIMENTS).__path__[0])
    found: dict[str, str] = {}
    for path in sorted(root.rglob("[!_]*.py")):
        module = ".".join((EXPERIMENTS, *path.relative_to(root).with_suffix("").parts))
        if path.stem in found:
            raise FormulaError(f"two formulas are named {path.stem!r}: {found[path.stem]} and {module}")
        found[path.stem] = module
    return found
