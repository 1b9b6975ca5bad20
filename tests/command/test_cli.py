"""The commands of `handgrad`: one tree, and errors as everywhere."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from runner.command import cli, tree
from runner.command.tree import COMMANDS
from tests.conftest import Run
from tests.test_layers import ROOT


def handgrad(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["handgrad", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


def test_a_report_is_made_again_from_its_ledger(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder,) = run("experiment=mse", "timing=off").folders
    before = {name: (folder / name).read_bytes() for name in ("report.csv", "summary.csv")}
    for name in before:
        (folder / name).unlink()
    (folder / "environment.json").write_text("where the sweep ran\n")
    assert handgrad(monkeypatch, "report", str(folder)) == 0
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert (folder / "environment.json").read_text() == "where the sweep ran\n"


def test_a_report_is_made_while_the_sweep_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder,) = run("-m", "experiment=mse", "seed=1,2", "timing=off").folders
    ledger = folder / "ledger.jsonl"
    *written, _ = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(written) + '{"event":"comp')
    assert handgrad(monkeypatch, "report", str(folder), "--format", "csv,parquet") == 0
    assert (folder / "report.csv").read_text().count("\n") == 3
    assert (folder / "report.parquet").exists()


GATED = """
import torch
from runner.formula import Example, register

def shapes(n: int):
    return {"a": (n,), "b": (n,)}

def forward(a, b):
    return a * torch.sigmoid(b)

def by_hand(grad_y, a, b):
    s = torch.sigmoid(b)
    grad_a = s
    return {"a": grad_a, "b": grad_y * a * s * (1 - s)}

register(gradients=[by_hand], example=Example(shape={"n": 5}))
"""


@pytest.mark.usefixtures("own_formulas")
@pytest.mark.parametrize("name", ["gated", "formula=gated"])
def test_a_formula_of_ones_own_is_explained(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gated.py").write_text(GATED)
    assert handgrad(monkeypatch, "explain", name, "plugins=[gated.py]") == 1
    assert "the first wrong step is in gated.py:13: it should be dL/da" in capfd.readouterr().out


REFUSED = {
    "explain n=3": "explain: name an experiment or a formula first, as in handgrad explain mse shape.n=7, or",
    "report": "handgrad report: the following arguments are required: DIR; usage: handgrad report [-h]",
    "report nowhere": "nowhere: there is no such folder",
    "report .": ".: has no ledger.jsonl, of which a report is made; did you mean outputs/day?",
    "report . --fail-on rong": "handgrad report: unknown VERDICT 'rong'; did you mean 'wrong'?",
    "report . --fail_on wrong": "handgrad report: unknown option '--fail_on'; did you mean '--fail-on'?",
    "report . --format cvs": "unknown report.format 'cvs'; did you mean 'csv'?",
    "report . more": "handgrad report: more: one argument too many; usage: handgrad report",
    "selftest --seeds x": "handgrad selftest: --seeds: 'x' must be an integer >= 0; usage: ",
    "judge a.py::b --reference c --input x=1 --check al": "unknown --check 'al'. There is: full, off, quick.",
    "formulas layer_nrom": "unknown formula 'layer_nrom'; did you mean 'layer_norm'?",
    "repot": "unknown command 'repot'; did you mean handgrad report? There is: ",
    "linear_mse": "'linear_mse' is no command but an experiment; did you mean handgrad experiment=linear_mse",
    "linear_mes seed=3": "unknown command 'linear_mes'; did you mean handgrad experiment=linear_mse?",
    "notebook": "'notebook' is no command but a sweep; did you mean handgrad sweep=notebook?",
    "run linear_mse": "is no command but an experiment; did you mean handgrad experiment=linear_mse?",
    "experiment=mse linear_mse": "did you mean handgrad experiment=linear_mse?",
    "experiment=linear_mse m=50": "unknown key 'm'; did you mean 'shape.m'?",
    "-m experiment=mse,linear_mse m=50": "unknown key 'm'; did you mean 'shape.m'?",
    "experiment=variance_offset correction=1": "unknown key 'correction'; did you mean 'params.correction'?",
    "formula=layer_norm eps=1e-6": "unknown key 'eps'; did you mean 'params.eps'?",
    "experiment=mse level=full": "unknown key 'level'; did you mean 'check.level'?",
    "m=50": "unknown key 'm'. There is: ",
}  # fmt: skip


@pytest.mark.parametrize("typed", REFUSED)
def test_what_was_probably_meant(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs/day").mkdir(parents=True)
    (tmp_path / "outputs/day/ledger.jsonl").touch()
    assert handgrad(monkeypatch, *typed.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert REFUSED[typed] in err
    assert [*tmp_path.rglob("*.csv")] == []


def prints(*arguments: str) -> str:
    """Return what a process prints that must import nothing of what only a run needs."""
    code = (
        "import sys\nfrom runner.command.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert not {'torch', 'pandas', 'hydra', 'distributed'} & {*sys.modules}"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_versions_are_told_without_importing_anything() -> None:
    names = ("handgrad", "torch", "hydra-core")
    assert prints("--version") == "".join(f"{name} {version(name)}\n" for name in names)


def test_help_names_every_command() -> None:
    printed = prints("--help")
    assert all(f"    {name} " in printed for name in COMMANDS)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != tree.RUN])
def test_a_command_explains_itself_and_imports_nothing_heavy(name: str) -> None:
    printed = prints(name, "--help")
    assert f"usage: handgrad {name} " in printed
    assert all(option in printed for option in tree.options_of(tree.tree([name])[1][name]))
