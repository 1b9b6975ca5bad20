"""A plug-in that does not work is refused with one message."""

from pathlib import Path

import pytest

from tests.conftest import Run

REGISTERS_MSE = """
from experiments.losses import mse
from runner.formula import register
register(name="mse", shapes=mse.shapes, forward=mse.forward, gradients=[mse.residual], outputs=("loss",))
"""


@pytest.mark.parametrize(
    ("plugin", "code", "message"),
    [
        ("broken.py", "import no_such_module", "plugins: broken.py: ModuleNotFoundError: No module named"),
        ("empty.py", "", "plugins: empty.py: was imported, but registers no formula"),
        ("syntax.py", "def (", "plugins: syntax.py: SyntaxError"),
        ("taken.py", REGISTERS_MSE, "formula 'mse' of experiments.losses.mse: the name is taken"),
        ("nowhere.py", None, "plugins: nowhere.py: FileNotFoundError: there is no file"),
        ("no.such.module", None, "plugins: no.such.module: ModuleNotFoundError: No module named 'no'"),
    ],
)
def test_bad_plugin(run: Run, tmp_path: Path, plugin: str, code: str | None, message: str) -> None:
    if code is not None:
        (tmp_path / plugin).write_text(code)
    outcome = run("experiment=mse", f"plugins=[{plugin}]", "timing=off")
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.folders == []
