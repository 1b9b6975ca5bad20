"""Imports point one way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((*ROOT.glob("runner/**/*.py"), *ROOT.glob("experiments/**/*.py")))

# A module, and what of handgrad it must not import.
FORBIDDEN = {
    "runner.errors": ["runner"],
    "runner.compare": ["runner"],
    "runner.diagnose": ["runner"],
    "runner.formula": ["runner.inputs", "runner.spec", "runner.experiment", "runner.report", "runner.sweep"],
    "runner.checks": ["runner.experiment", "runner.selftest"],
    "runner.experiment": ["runner.selftest", "runner.report", "runner.sweep", "runner.app"],
    "runner.report": ["runner.app"],
    "runner.sweep": ["runner.report", "runner.app"],
}
KNOWS_HYDRA = {
    "runner.app", "runner.config", "runner.explain", "runner.__main__", "runner.sweep.compose",
    "runner.hydra_plugin.hydra_plugins.handgrad_grid",
}  # fmt: skip


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("path", FILES, ids=module)
def test_imports_point_one_way(path: Path) -> None:
    me, names = module(path), list(imported(path))
    if within(me, "experiments"):
        assert not [n for n in names if within(n, "runner") and not within(n, "runner.formula")]
    for package, forbidden in FORBIDDEN.items():
        if within(me, package):
            assert not [n for n in names if any(within(n, f) and not within(n, package) for f in forbidden)]
    if me not in KNOWS_HYDRA:
        assert not [n for n in names if within(n, "hydra")]
    if not within(me, "runner.report"):
        assert not [n for n in names if within(n, "pandas")]
    if within(me, "runner"):
        assert not [n for n in names if within(n, "experiments")], "the runner knows no formula"


@pytest.mark.parametrize("path", FILES, ids=module)
def test_the_runner_names_no_formula(path: Path) -> None:
    if not within(module(path), "runner"):
        return
    formulas = {p.stem for p in ROOT.glob("experiments/*/*.py")}
    strings = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
    assert not formulas & {s for s in strings if isinstance(s, str)}
