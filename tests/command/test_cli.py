"""The commands of `handgrad`."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from runner.command import cli
from tests.conftest import Run


def handgrad(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["handgrad", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


def test_a_report_is_made_again_from_its_ledger(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder,) = run("experiment=mse", "timing=off").folders
    before = (folder / "report.csv").read_bytes()
    (folder / "report.csv").unlink()
    assert handgrad(monkeypatch, "report", str(folder)) == 0
    assert (folder / "report.csv").read_bytes() == before


@pytest.mark.parametrize("arguments", [[], ["nowhere"], [".", "fail_on=rong"]])
def test_a_report_of_nothing_is_refused(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert handgrad(monkeypatch, "report", *arguments) == 2
    assert "usage: handgrad report FOLDER" in capsys.readouterr().out
    assert not [*tmp_path.iterdir()]


def test_the_version_is_that_of_handgrad(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handgrad(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"handgrad {version('handgrad')}\n"
