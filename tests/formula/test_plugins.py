"""A plug-in that does not work is refused with one message."""

from pathlib import Path

import pytest

from runner.formula import registry
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
    assert [row["status"] for row in by_hydra.rows] == ["completed", "failed"]
    assert "plugins: nowhere.py: FileNotFoundError" in by_hydra.rows[1]["error"]
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
