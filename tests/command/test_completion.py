"""One completion for commands, their options, and Hydra's settings."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.command import completion
from runner.command.tree import COMMANDS, RUN, options_of, tree
from tests.test_layers import ROOT


def completed(line: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    completion.answered(line, [])
    return {*capsys.readouterr().out.split()}


LINES = {
    "handgrad ": {*COMMANDS},
    "handgrad re": {"report"},
    "handgrad --v": {"--version"},
    "handgrad report --f": {"--fail-on", "--figures", "--format"},
    "handgrad report --fail-on in": {"inaccurate", "invalid"},
    "handgrad report --fail-on wrong out": {"outputs/"},
    "handgrad report outputs/": {"outputs/mine/", "outputs/old.csv"},
    "handgrad judge --check ": {"off", "quick", "full"},
    "handgrad formulas linear_n": {"linear_network"},
    "handgrad formulas --pl": {"--plugin"},
    "handgrad experiment=ms": set[str](),
    "handgrad run experiment=ms": set[str](),
}


@pytest.mark.parametrize("line", LINES)
def test_what_may_follow(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs/mine").mkdir(parents=True)
    (tmp_path / "outputs/old.csv").touch()
    assert completed(line, capsys) == LINES[line]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != RUN])
def test_every_option_of_every_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert completed(f"handgrad {name} --", capsys) == {*options_of(tree([name])[1][name])}


def test_hydra_is_asked_where_no_command_is_typed() -> None:
    assert not completion.answered("handgrad run seed", [])
    assert not completion.answered("handgrad seed", [])
    assert completion.answered("handgrad report --", [])


BASH = """
eval "$(handgrad -sc install=bash)"
complete_line() {
    COMP_LINE=$1 COMP_POINT=${#1}
    words=($1); COMP_CWORD=$(( ${#words[@]} - 1 ))
    hydra_bash_completion; echo "${COMPREPLY[@]}"
}
complete_line "handgrad report --fa"
complete_line "handgrad experiment=two_l"
complete_line "handgrad repo"
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")
def test_both_work_through_one_completion_in_bash(tmp_path: Path) -> None:
    program = tmp_path / "handgrad"
    code = "import sys; sys.argv[0] = 'handgrad'; from runner.command.cli import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    program.chmod(0o755)
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", BASH], capture_output=True, text=True, env=variables, check=False)
    assert done.stdout.splitlines() == ["--fail-on", "experiment=two_layer_network", "report report."]
    assert done.stderr == ""
