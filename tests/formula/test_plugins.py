"""A plug-in that does not work is refused with one message."""

import sys
from pathlib import Path

import pytest

from runner.formula import registry
from runner.formula.beside import import_file, name_of
from runner.formula.source import fingerprint
from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("own_formulas")

REGISTERS_MSE = """
from experiments.losses import mse
from runner.formula import register
register(name="mse", shapes=mse.shapes, forward=mse.forward, gradients=[mse.residual], outputs=("loss",))
"""

CUBE = """
from runner.formula import register
def shapes(n: int): return {"x": (n,)}
def forward(x): return x**3
def power_rule(grad_y, x): return {"x": 3 * x**2 * grad_y}
register(shapes=shapes, forward=forward, gradients=[power_rule])
"""


@pytest.mark.parametrize(
    ("plugin", "code", "message"),
    [
        ("broken.py", "import no_such_module", "plugins: broken.py: ModuleNotFoundError: No module named"),
        ("empty.py", "", "plugins: empty.py: was imported, but registers no formula"),
        ("syntax.py", "def (", "plugins: syntax.py: SyntaxError"),
        ("stops.py", "raise SystemExit('enough')", "plugins: stops.py: SystemExit: enough"),
        ("half.py", CUBE + "1 / 0", "plugins: half.py: ZeroDivisionError: division by zero"),
        ("taken.py", REGISTERS_MSE, "formula 'mse' of experiments.losses.mse: the name is taken"),
        ("nowhere.py", None, "plugins: nowhere.py: FileNotFoundError: there is no file"),
        ("no.such.module", None, "plugins: no.such.module: ModuleNotFoundError: No module named 'no'"),
    ],
)
def test_bad_plugin(run: Run, tmp_path: Path, plugin: str, code: str | None, message: str) -> None:
    if code is not None:
        (tmp_path / plugin).write_text(code)
    for _ in range(2):  # the second time it is no better, and the message no other
        outcome = run("experiment=mse", f"plugins=[{plugin}]", "timing=off")
        assert outcome.status == 2
        assert message in outcome.err
        assert len(outcome.err.splitlines()) == 1
        assert outcome.folders == []
    assert "half" not in registry.names()


def test_a_name_that_another_plugin_has(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for file in (tmp_path / "cube.py", tmp_path / "other/cube.py"):
        file.write_text(CUBE)
    outcome = run("formula=cube", "shape.n=3", "plugins=[cube.py,other/cube.py]", "timing=off")
    assert outcome.status == 2
    assert (
        f"plugins: other/cube.py: FormulaError: formula 'cube' of plugin:{tmp_path}/other.cube" in outcome.err
    )
    assert f"the name is taken, by plugin:{tmp_path}.cube; rename the file" in outcome.err


def test_a_bad_plugin_among_good_ones(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cube.py").write_text(CUBE)
    sweep = ("-m", "formula=cube", "shape.n=3", "plugins=[cube.py],[nowhere.py]", "timing=off")
    refused = run(*sweep)
    assert (refused.status, refused.folders) == (2, [])
    assert "error: plugins: nowhere.py: FileNotFoundError" in refused.err
    by_hydra = run(*sweep, "hydra/sweeper=basic")
    assert [row["status"] for row in by_hydra.rows] == ["failed", "completed"], "what is not right first"
    assert "plugins: nowhere.py: FileNotFoundError" in by_hydra.rows[0]["error"]
    assert by_hydra.status == 2


def test_a_path_in_a_yaml_is_found_from_the_working_directory(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cube.py").write_text(CUBE)
    (tmp_path / "conf/experiment").mkdir(parents=True)
    yaml = "# @package _global_\nformula: cube\nplugins: [cube.py]\nshape: {n: 3}\n"
    (tmp_path / "conf/experiment/cube.yaml").write_text(yaml)
    outcome = run("--config-dir", "conf", "experiment=cube", "timing=off")
    assert outcome.status == 0, outcome.err
    assert {row["experiment"] for row in outcome.rows} == {"cube"}


def test_a_plugin_may_take_its_forward_from_elsewhere(run: Run, tmp_path: Path) -> None:
    code = REGISTERS_MSE.replace('name="mse"', 'name="my_mse"')
    (tmp_path / "elsewhere.py").write_text(code)
    for _ in range(2):
        outcome = run("formula=my_mse", "shape.n=3", "plugins=[elsewhere.py]", "timing=off")
        assert outcome.status == 0, outcome.err


HELPED = CUBE.replace("return x**3", "return factor.FACTOR * x**3")
FACTOR = "FACTOR = 1\n"


@pytest.mark.parametrize("imports", ["import factor", "from . import factor", "from lib import factor"])
@pytest.mark.parametrize("folder", ["", "of.mine/"], ids=["here", "elsewhere"])
def test_a_plugin_imports_what_lies_beside_it(run: Run, tmp_path: Path, imports: str, folder: str) -> None:
    (tmp_path / folder / "lib").mkdir(parents=True)
    for file in ("factor.py", "lib/factor.py"):
        (tmp_path / folder / file).write_text(FACTOR)
    (tmp_path / folder / "cube.py").write_text(imports + HELPED)
    before = [*sys.path], [*sys.meta_path], {*sys.modules}
    outcome = run("formula=cube", "shape.n=3", f"plugins={folder}cube.py", "timing=off", "check=off")
    assert outcome.status == 0, outcome.err
    assert ([*sys.path], [*sys.meta_path]) == before[:2]
    assert {"factor", "lib"}.isdisjoint(sys.modules)


@pytest.mark.parametrize(
    "imports",
    ["from . import factor", "from ..top import factor", "from pack.sub import factor", "import pack.top"],
)
def test_a_plugin_in_a_package(run: Run, tmp_path: Path, imports: str) -> None:
    (tmp_path / "pack/sub").mkdir(parents=True)
    (tmp_path / "pack/__init__.py").touch()
    (tmp_path / "pack/sub/__init__.py").write_text("from . import cube\n")
    (tmp_path / "pack/sub/factor.py").write_text(FACTOR)
    (tmp_path / "pack/top.py").write_text("from pack.sub import factor\n")
    (tmp_path / "pack/sub/cube.py").write_text(
        imports + HELPED.replace("factor.F", "factor.F" if "factor" in imports else "pack.top.factor.F")
    )
    outcome = run("formula=cube", "shape.n=3", "plugins=pack/sub/cube.py", "timing=off", "check=off")
    assert outcome.status == 0, outcome.err


def test_two_folders_may_both_have_a_helper(run: Run, tmp_path: Path) -> None:
    for number, name in enumerate(["one", "two"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "factor.py").write_text(f"FACTOR = {number}\n")
        (tmp_path / name / f"{name}.py").write_text("import factor" + HELPED)
    plugins = "plugins=[one/one.py,two/two.py]"
    outcome = run("-m", "formula=one,two", "shape.n=3", plugins, "timing=off", "check=off")
    assert [row["verdict"] for row in outcome.rows] == ["wrong", "unchecked"]


@pytest.mark.parametrize("order", ["cube.py,twice.py", "twice.py,cube.py"])
def test_a_plugin_may_import_another(run: Run, tmp_path: Path, order: str) -> None:
    (tmp_path / "cube.py").write_text(CUBE)
    (tmp_path / "twice.py").write_text("import cube" + CUBE)
    outcome = run("-m", "formula=cube,twice", "shape.n=3", f"plugins=[{order}]", "timing=off", "check=off")
    assert outcome.status == 0, outcome.err


def test_the_key_follows_the_helper_and_not_the_folder(run: Run, tmp_path: Path) -> None:
    keys = []
    for folder, factor in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "factor.py").write_text(f"FACTOR = {factor}\n")
        (tmp_path / folder / "cube.py").write_text("import factor" + HELPED)
        import_file(tmp_path / folder / "cube.py")
        keys.append(fingerprint(name_of(tmp_path / folder / "cube.py")))
        registry.forget(["cube"])
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("mode", [[], ["-m"], ["-m", "hydra/sweeper=basic"]], ids=["run", "grid", "basic"])
def test_one_plugin_needs_no_brackets(run: Run, tmp_path: Path, mode: list[str]) -> None:
    (tmp_path / "cube.py").write_text(CUBE)
    outcome = run(*mode, "formula=cube", "shape.n=3", "plugins=cube.py", "timing=off", "check=off")
    assert outcome.status == 0, outcome.err
    assert run(*mode, "formula=cube", "shape.n=3", "plugins=[cube.py]", "timing=off").status == 0


def test_plugins_of_another_kind(run: Run) -> None:
    outcome = run("formula=cube", "plugins=3")
    assert outcome.status == 2
    assert (
        outcome.err
        == "error: plugins=3: must be a module or a .py file, or a list of them, as in [mine.py]\n"
    )
