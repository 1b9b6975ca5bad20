"""`handgrad formulas`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.command import formulas
from runner.command.tree import parsed
from runner.errors import UserError
from runner.files import experiments
from runner.formula import lookup, names, plugins, registry

WIDTH = 80
PLUGIN = Path(__file__).parents[2] / "examples/plugin/gradients.py"


def printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    assert formulas.main(parsed("formulas", arguments)) == 0
    return capsys.readouterr().out.splitlines()


def test_every_formula_has_a_line_below_its_family(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed(capsys, monkeypatch)
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(listed) == [name for name in names() if name in experiments()]
    assert max(map(len, lines)) <= WIDTH
    below = lines[lines.index("losses") + 1 :]
    assert any(line.startswith("  mse ") for line in below[: below.index("networks")])


def test_listing_imports_no_formula() -> None:
    code = (
        "import sys; sys.argv = ['handgrad', 'formulas']\nfrom runner.command.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


@pytest.mark.parametrize("name", ["layer_norm", "variance", "linear_network", "cross_entropy"])
def test_one_is_described(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, formula = printed(capsys, monkeypatch, name), lookup(name)
    text = "\n".join(map(str.rstrip, lines))
    assert all(f"\n  {derivation}(" in text for derivation in formula.derivations)
    assert all(f"\n  shape.{dimension}=" in text for dimension in formula.dimensions)
    for parameter in formula.parameters:
        assert f"\n  params.{parameter}=" in text
        assert " ".join(formula.domain_of(parameter).description.split()) in " ".join(text.split())
    assert " ".join(formula.source.split()) in " ".join(text.split())
    assert f"experiment={name}" in text
    assert f"/{name}.py" in text


def test_an_experiment_of_another_name_is_among_those_of_its_formula(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed(capsys, monkeypatch, "variance")
    assert any(line.startswith("  experiment=variance_offset  Variance of rows") for line in lines)


@pytest.mark.usefixtures("own_formulas")
def test_formulas_of_a_plug_in_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registry", {**registry._registry})
    monkeypatch.setattr(plugins, "_loaded", {})
    lines = printed(capsys, monkeypatch, "--plugin", str(PLUGIN))
    own = lines[lines.index("plug-ins") + 1 :]
    assert {"log_cosh", "squared_relu"} & {
        line.split()[0].removeprefix("my_") for line in own if line.strip()
    }


def swept(folder: Path, *rows: tuple[str, str], minutes: int = 0) -> Path:
    """Write what a sweep leaves in its folder: formulas and verdicts, some minutes ago."""
    folder.mkdir(parents=True)
    (folder / "multirun.yaml").touch()
    head = "formula,derivation,dtype,verdict"
    lines = [head, *(f"{name},residual,float32,{verdict}" for name, verdict in rows)]
    (folder / "summary.csv").write_text("\n".join(lines) + "\n")
    then = time.time() - 60 * minutes
    os.utime(folder / "summary.csv", (then, then))
    return folder


def test_the_worst_verdict_of_the_last_sweep_stands_beside_each_formula(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "verdicts:" not in "\n".join(printed(capsys, monkeypatch))
    swept(Path("outputs/day/old-sweep"), ("mse", "wrong"), minutes=1)
    last = swept(
        Path("outputs/mine"),
        ("mse", "exact"),
        ("mse", "inaccurate"),
        ("svd", "correct"),
        ("svd", "unsupported"),
    )
    lines = printed(capsys, monkeypatch)
    of = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert "≈ inaccurate  Mean" in of["mse"]
    assert "✓ correct  " in of["svd"]
    assert of["relu"].index("Rectified") == of["mse"].index("Mean")
    assert f"verdicts: the worst of each formula in {last}" in lines
    assert "✗ wrong" in "\n".join(printed(capsys, monkeypatch, "--report", "outputs/day/old-sweep"))
    assert max(map(len, lines)) <= WIDTH


def test_what_a_sweep_said_of_a_formula_stands_on_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = swept(tmp_path / "mine", ("mse", "inaccurate"), ("svd", "correct"))
    lines = printed(capsys, monkeypatch, "mse", "--report", str(folder))
    at = lines.index(f"Verdicts in {folder}, at worst")
    assert lines[at + 1 : at + 3] == ["  residual  float32  ≈ inaccurate", ""]


@pytest.mark.parametrize("name", [[], ["mse"]])
def test_a_folder_without_a_summary_is_refused(
    name: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"has no summary\.csv"):
        formulas.main(parsed("formulas", [*name, "--report", str(tmp_path)]))
    assert capsys.readouterr().out == ""
