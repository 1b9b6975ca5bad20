"""Output that nobody takes costs no result, and what is printed is printed as it is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.report import csv
from runner.sweep import ledger
from tests.conftest import Run
from tests.test_layers import ROOT

SWEEP = "-m experiment=mse,dot_product 'seed=range(20)' check=off timing=off hydra.sweep.dir=sweep"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line.replace("RUN", f"{sys.executable} -m runner {SWEEP}")],
        capture_output=True, text=True, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, timeout=120,
        check=False,
    )  # fmt: skip


LINES = {
    "head": ("RUN | head -1 > first; exit ${PIPESTATUS[0]}", "Broken pipe"),
    "no output": ("RUN >&-", ""),
    "no errors": ("RUN 2>&-", ""),
    "no input": ("RUN <&-", ""),
    "nothing": ("RUN >&- 2>&- <&-", ""),
    "full": ("RUN > /dev/full", "No space left on device"),
    "all full": ("RUN > /dev/full 2> /dev/full", ""),
}


@pytest.mark.parametrize(
    ("case", "workers"), [*((case, 0) for case in LINES), ("head", 1), ("nothing", 1)], ids=str
)
def test_a_sweep_runs_on_whoever_reads(tmp_path: Path, case: str, workers: int) -> None:
    line, says = LINES[case]
    done = shell(line.replace("RUN", f"RUN workers={workers} threads=1"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(csv.read(tmp_path / "sweep" / csv.NAME)) == 80
    assert all(record for _, record in ledger.heads(tmp_path / "sweep" / ledger.NAME))
    if says:
        said = f"what was printed could not be written: {says}; it stands in sweep\n"
        assert done.stderr == said, "one word, where there is somebody to read it"
    else:
        assert done.stderr == ""


def test_ctrl_c_while_it_starts_is_silent(tmp_path: Path) -> None:
    for delay in (0.15, 0.5, 1.0):
        begun = subprocess.Popen(
            [sys.executable, "-m", "runner", "experiment=mse", "check=off"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=ENVIRONMENT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        time.sleep(delay)
        begun.send_signal(signal.SIGINT)
        out, err = begun.communicate(timeout=60)
        if begun.returncode == 130:
            assert "Traceback" not in err
            assert out == ""
        else:  # before the program has control, or after its end
            assert begun.returncode in (0, -signal.SIGINT, 1), err


NAMED = """
from runner.formula import register

def shapes(n):
    return {"x": (n,)}

def forward(x):
    return x * 1

def wrong(grad_y):
    raise ValueError("[bold]not[/] \\x1b[31mred\\x1b[0m :smile:")

register(shapes=shapes, forward=forward, gradients=[wrong])
"""


@pytest.mark.parametrize("name", ["=1+2", "+cmd", "-x", "@sum", "[bold]", "'quoted"])
@pytest.mark.usefixtures("own_formulas")
def test_a_name_is_shown_as_it_is_and_run_by_no_spreadsheet(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "named.py").write_text(NAMED)
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    yaml = "# @package _global_\nformula: named\nplugins: [named.py]\nshape: {n: 3}\n"
    (tmp_path / "conf" / "experiment" / f"{name}.yaml").write_text(yaml)
    quoted = name.replace("'", "\\'")
    outcome = run("--config-dir", "conf", f"experiment='{quoted}'", "timing=off", "check=off")
    assert outcome.status == 1, outcome.err
    (row,) = outcome.rows
    assert row["experiment"] == name, "read back as it was"
    head, line = (outcome.folders[0] / csv.NAME).read_text().splitlines()
    assert head.startswith("experiment,")
    assert line.startswith(name if name == "[bold]" else f"'{name}")
    assert name in outcome.out
    assert r"[bold]not[/] \x1b[31mred\x1b[0m :smile:" in outcome.out
    assert "\x1b" not in outcome.out
    assert "\x1b" not in line
