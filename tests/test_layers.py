"""Imports point one way: each room imports what stands below it, through however many files."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = [
    "handgrad.__main__", "handgrad",
    "runner.__main__", "runner.command", "runner.selftest", "runner.doors", "runner.report", "runner.sweep",
    "runner.experiment", "runner.locate", "runner.clock", "runner.checks", "runner.judge", "runner.case",
    "experiments", "runner.function", "runner.domain", "runner.formula", "runner.diagnose",
    "runner.environment", "runner.record", "runner.settings", "runner.compare", "runner.verdicts",
    "runner.files", "runner.place", "runner.process", "runner.interrupt", "runner.streams", "runner.errors",
    "runner.names",
]  # fmt: skip
DOORS = {"handgrad.__main__", "runner.__main__"}
MAY_LOAD = {
    "hydra": {*DOORS, "runner.command"},
    "omegaconf": {*DOORS, "runner.command"},
    "pandas": {*DOORS, "handgrad", "runner.command", "runner.selftest", "runner.doors", "runner.report"},
    "matplotlib": {*DOORS, "runner.command", "runner.doors", "runner.selftest", "runner.report"},
    "distributed": {*DOORS, "runner.command", "runner.sweep"},
}


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FOLDERS = ("handgrad", "runner", "experiments")
FILES = {module(path): path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py")}
FILES.pop("runner")


@cache
def imports(name: str) -> frozenset[str]:
    """Return what a file imports wherever it does so: files of handgrad, and other packages by their name."""
    tree = ast.walk(ast.parse(FILES[name].read_text()))
    return frozenset(target for node in tree for target in _targets(node)) - {name, "runner"}


def _targets(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (
            alias.name if alias.name in FILES else alias.name.partition(".")[0] for alias in node.names
        )
    elif isinstance(node, ast.ImportFrom) and node.module:
        files = [f"{node.module}.{alias.name}" for alias in node.names]
        known = [file for file in files if file in FILES]
        yield from known
        if len(known) < len(files):  # a name that is no file stands in the module itself
            yield node.module if node.module in FILES else node.module.partition(".")[0]


@cache
def reached(name: str) -> frozenset[str]:
    """Return everything that importing a file may load, through any number of others."""
    found, waiting = set[str](), [name]
    while waiting:
        for target in imports(waiting.pop()) - found:
            found.add(target)
            waiting += [target] if target in FILES else []
    return frozenset(found)


def layer(name: str) -> int:
    return next(i for i, room in enumerate(LAYERS) if f"{name}.".startswith(f"{room}."))


@pytest.mark.parametrize("name", FILES)
def test_a_room_reaches_only_what_stands_below_it(name: str) -> None:
    above = [target for target in reached(name) if target in FILES and layer(target) < layer(name)]
    assert not above


def test_no_files_import_each_other() -> None:
    inside = {name: {target for target in imports(name) if target in FILES} for name in FILES}
    ordered = TopologicalSorter(inside).static_order()  # raises CycleError, which names the circle
    assert {*ordered} == {*FILES}


@pytest.mark.parametrize("package", MAY_LOAD)
def test_heavy_packages_are_loaded_in_their_rooms_alone(package: str) -> None:
    reaching = {name: LAYERS[layer(name)] for name in FILES if package in reached(name)}
    assert reaching, f"nothing reaches {package}"
    assert {name for name, room in reaching.items() if room not in MAY_LOAD[package]} == set()


def test_a_formula_imports_the_contract_and_other_formulas_alone() -> None:
    files = [name for name in FILES if name.startswith("experiments")]
    found = {name: {target for target in imports(name) if target.startswith("runner")} for name in files}
    assert {name for name, targets in found.items() if targets - {"runner.formula"}} == set()
    assert sum("runner.formula" in targets for targets in found.values()) > 20


def test_the_core_loads_neither_hydra_nor_pandas() -> None:
    code = (
        "import sys, runner.experiment, runner.formula\n"
        "for name in runner.formula.names(): runner.formula.lookup(name)\n"
        "print(*{'hydra', 'omegaconf', 'pandas', 'distributed'} & {*sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert loaded.split() == []


def test_importing_handgrad_loads_nothing_heavy() -> None:
    code = (
        "import sys, handgrad\n"
        "assert 'register' in dir(handgrad)\n"
        "print(*{'hydra', 'omegaconf', 'pandas', 'torch', 'runner', 'experiments'} & {*sys.modules})\n"
        "print(handgrad.register.__module__, handgrad.__version__)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert loaded == f"\nrunner.formula.registry {version('handgrad')}\n"


OPERATIONS = {
    "runner.selftest.operators.calls": {"amax"},
    "runner.locate.edits": {"einsum"},
    "runner.locate.slips": {"amax", "sigmoid", "tanh"},
    "runner.locate.reductions": {"amax", "logsumexp", "prod", "trace", "cumsum", "outer"},
}
"""What is named as an operation of PyTorch's, and happens to be a formula too."""


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("runner")])
def test_the_runner_names_no_formula(name: str) -> None:
    formulas = {path.stem for path in ROOT.glob("experiments/*/[!_]*.py")}
    assert len(formulas) > 20
    tree = ast.walk(ast.parse(FILES[name].read_text()))
    texts = {n.value for n in tree if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    assert not formulas & texts - OPERATIONS.get(name, set())
