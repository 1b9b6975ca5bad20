"""`handgrad selftest` as a user meets it, and the other commands beside it."""

import csv
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from runner.command import cli
from runner.selftest import campaign
from runner.selftest.campaign import plant
from runner.selftest.due import DUE, GRADES
from runner.selftest.mistake import KINDS
from tests.processes import command_of

SMALL = ["selftest", "--formula", "mse", "relu", "dot_product", "--seeds", "1", "--processes", "1",
         "--classes", "scale", "transpose", "contexts"]  # fmt: skip


def handgrad(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["handgrad", *arguments])
    with pytest.raises(SystemExit) as status:
        cli.main()
    return int(status.value.code or 0)


def test_a_small_selftest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mistakes.csv"
    monkeypatch.setenv("COLUMNS", "160")
    handgrad([*SMALL, "--csv", str(path)], monkeypatch)
    out = capsys.readouterr().out
    for words in ("caught / planted", "handgrad", "gradgradcheck", "allclose", "all classes",
                  "not caught: ", "not counted, equivalent: ", "false alarms: 0", "2x rule", "misleading",
                  "5 derivations", "lot 0: 8 into each derivation, 1 of a class at most"):  # fmt: skip
        assert words in out
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["formula"] for row in rows} == {"mse", "relu", "dot_product"}
    assert {row["kind"] for row in rows} == {"scale", "transpose", "contexts"}
    planted = [row for row in rows if row["state"] == "planted"]
    assert {row["caught by handgrad full"] for row in planted} <= {"True", "False"}
    assert {row["formula"] for row in planted} == {"mse", "relu", "dot_product"}
    assert {row["diagnosis"] for row in planted if row["caught by handgrad full"] == "True"} <= {*GRADES}
    counts = Counter((row["formula"], row["derivation"], row["kind"]) for row in planted)
    assert {*counts.values()} == {1}, "one of a class and derivation"


def test_markdown_is_a_table_and_its_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handgrad([*SMALL, "--classes", "scale", "--seeds", "0", "--all", "--markdown"], monkeypatch)
    caught, diagnoses, settings = capsys.readouterr().out.strip().split("\n\n")
    for table, start, names in (
        (caught, "| caught / planted | handgrad full | handgrad quick | handgrad off |",
         ["scale", "all classes", "share", "false alarms"]),
        (diagnoses, "| diagnosis | names it | true, no help | misleading |",
         ["scale", "all classes", "share"]),
    ):  # fmt: skip
        heading, rule, *rows = table.splitlines()
        assert heading.startswith(start)
        assert set(rule) == {"|", "-", ":", " "}
        assert [row.split("|")[1].strip() for row in rows] == names
    assert settings.startswith("5 derivations; not counted: ")


def test_a_part_that_raises_costs_no_other_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def raising_at_relu(formula: str, *rest: Any) -> Any:
        if formula == "relu":
            raise NotImplementedError("of the self-test's own")
        return plant(formula, *rest)

    monkeypatch.setattr(campaign, "plant", raising_at_relu)
    assert handgrad([*SMALL, "--seeds", "0"], monkeypatch) == 1
    out = capsys.readouterr().out
    assert "could not judge: 3" in out
    assert "relu diagonal: NotImplementedError: of the self-test's own" in out
    assert "2 derivations; " in out
    assert "3 parts raised" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["selftest", "--formula", "relo"], "unknown formula 'relo'; did you mean 'relu'?"),
        (["selftest", "--classes", "scales"], "unknown class of mistake 'scales'; did you mean 'scale'?"),
        (["selftest", "--seeds", "-1"], "--seeds: '-1' must be an integer >= 0"),
        (
            ["slftest"],
            "unknown command 'slftest'; did you mean handgrad selftest? There is: compare, explain, ",
        ),
    ],
)
def test_bad_input(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handgrad(arguments, monkeypatch) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["run"]])
def test_run_is_the_hydra_app_with_and_without_its_name(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert handgrad([*arguments, "experiment=mse", "timing=off"], monkeypatch) == 0
    assert "2 rows: " in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["selftest", "--help"], ["run", "--help"]])
def test_help_imports_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom runner.command.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert not {'torch', 'pandas'} & {*sys.modules}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ("selftest" in done.stdout) == (arguments[0] != "run")


def test_a_class_is_named_once() -> None:
    assert len({*KINDS}) == len(KINDS)
    assert DUE.keys() == {*KINDS}, "each says what a right diagnosis names"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel sees to it on Linux alone")
def test_processes_end_with_the_command_whatever_ends_it() -> None:
    command = [sys.executable, "-m", "handgrad", "selftest", "--formula", "tanh", "--seeds", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        children: list[psutil.Process] = []
        for _ in range(300):
            children = [p for p in psutil.Process(running.pid).children() if "spawn_main" in command_of(p)]
            if len(children) == 2 and all(child.cpu_times().user > 1 for child in children):
                break
            time.sleep(0.1)
        running.kill()
    assert len(children) == 2
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
