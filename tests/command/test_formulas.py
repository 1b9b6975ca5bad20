"""`handgrad formulas`."""

import subprocess
import sys
from pathlib import Path

import pytest

from runner.command import formulas
from runner.command.tree import parsed
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
