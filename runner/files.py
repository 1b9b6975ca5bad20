"""The files that hold formulas and experiments, by name; none is imported, as completion must not."""

import importlib
from functools import cache
from pathlib import Path

from runner.errors import FormulaError
from runner.names import EXPERIMENTS

CONF = Path(__file__).resolve().parents[1] / "conf"


def experiments() -> list[str]:
    """Return the names of the experiments: the files in `conf/`, and a formula's own under its name."""
    return sorted({*formula_modules(), *(path.stem for path in (CONF / "experiment").glob("*.yaml"))})


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
