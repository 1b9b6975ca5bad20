"""The examples run where a user would put them."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.test_docs import marked_blocks

pytestmark = pytest.mark.usefixtures("own_formulas")

PLUGIN = Path(__file__).parents[2] / "examples/plugin"
EXPERIMENTS = ("my_log_cosh", "my_squared_relu")
DOCUMENTED = (
    "formula=rms_norm_function", "shape.batch=[4]", "shape.n=8", "plugins=[rms_norm_function.py]",
)  # fmt: skip
RIGHT = {"exact", "correct"}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_plugin_in_its_own_folder(run: Run, tmp_path: Path, experiment: str) -> None:
    shutil.copytree(PLUGIN, tmp_path, dirs_exist_ok=True)
    outcome = run("--config-dir", "conf", f"experiment={experiment}")
    assert outcome.status == 0, outcome.err
    assert {row["experiment"] for row in outcome.rows} == {experiment}
    assert {row["verdict"] for row in outcome.rows} <= RIGHT


def test_the_plugin_from_another_working_directory(run: Run) -> None:
    outcome = run(
        "--config-dir", str(PLUGIN / "conf"), "-m", f"experiment={','.join(EXPERIMENTS)}",
        f"plugins=[{PLUGIN / 'gradients.py'}]", "dtype=float32,bfloat16", "timing=off",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    found = {(row["formula"], row["derivation"], row["wrt"], row["dtype"]) for row in outcome.rows}
    assert found == {
        (*gradient, dtype)
        for gradient in (
            ("my_log_cosh", "slope", "x"),
            ("my_log_cosh", "diagonal", "x"),
            ("my_squared_relu", "backward", "x"),
            ("my_squared_relu", "backward", "b"),
        )
        for dtype in ("float32", "bfloat16")
    }


def test_a_yaml_whose_plugin_lies_elsewhere_says_where_it_was_looked_for(run: Run, tmp_path: Path) -> None:
    outcome = run("--config-dir", str(PLUGIN / "conf"), "experiment=my_log_cosh")
    assert outcome.status == 2
    assert (
        f"plugins: gradients.py: FileNotFoundError: there is no file {tmp_path}/gradients.py" in outcome.err
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrapped_function_as_documented(run: Run, tmp_path: Path, dtype: str) -> None:
    code = marked_blocks("docs/foreign_code.md")["rms_norm_function.py"]
    (tmp_path / "rms_norm_function.py").write_text(code)
    outcome = run(*DOCUMENTED, f"dtype={dtype}", "upstream=normal", "timing=off")
    assert outcome.status == 0, outcome.err
    assert [(row["wrt"], row["verdict"] in RIGHT) for row in outcome.rows] == [("x", True), ("w", True)]


def test_real_tensors_as_documented(run: Run, tmp_path: Path) -> None:
    blocks = marked_blocks("docs/foreign_code.md")
    (tmp_path / "rms_norm_function.py").write_text(blocks["rms_norm_function.py"])
    exec(compile(blocks["dump.py"], "dump.py", "exec"), {})
    outcome = run(*DOCUMENTED, "inputs.file=step_1000.safetensors", "timing=off")
    assert outcome.status == 0, outcome.err
    assert {(row["distribution"], row["upstream"]) for row in outcome.rows} == {
        ("file:step_1000.safetensors", "file")
    }
