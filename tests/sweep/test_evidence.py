"""No record is lost, false or left out in silence."""

import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.case.spec import Spec
from runner.report import csv
from runner.sweep import attempt, ledger, wire
from runner.sweep.job import Job, answer, identified, lost
from runner.sweep.ledger import Ledger
from tests.conftest import Run
from tests.registry import specification
from tests.sweep.test_hostile import HOSTILE
from tests.test_layers import ROOT

QUICK = ["timing=off", "check.level=off"]
SWEEP = ["-m", "experiment=mse,dot_product", "seed=range(10)", *QUICK, "hydra.sweep.dir=sweep"]


def removed(folder: Path) -> None:
    shutil.rmtree(folder)


def replaced(folder: Path) -> None:
    shutil.copy(folder / ledger.NAME, folder / "copy")
    (folder / "copy").replace(folder / ledger.NAME)


def cut(folder: Path) -> None:
    os.truncate(folder / ledger.NAME, 100)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("act", "said"),
    [
        (removed, "has been removed"),
        (replaced, "has been replaced by another file"),
        (cut, "has been cut short"),
    ],
    ids=["removed", "replaced", "cut"],
)
def test_records_that_go_while_a_sweep_runs_are_missed(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    act: Callable[[Path], None],
    said: str,
    workers: int,
) -> None:
    append, count = Ledger.append, 0

    def appended(records: Ledger, record: Any) -> None:
        nonlocal count
        append(records, record)
        count += record["event"] in ledger.FINISHED
        if count == 5:
            act(tmp_path / "sweep")

    monkeypatch.setattr(Ledger, "append", appended)
    outcome = run(*SWEEP, f"workers={workers}", "threads=1")
    assert outcome.status == 2
    assert f"sweep/ledger.jsonl: {said}" in outcome.err
    again = "the same command" in outcome.err and "is kept" not in outcome.err
    assert again == (act is removed)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_report_of_fewer_points_than_the_plan_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    append = Ledger.append

    def forgetful(records: Ledger, record: Any) -> None:
        if record.get("index") != 7 or record["event"] not in ledger.FINISHED:
            append(records, record)

    monkeypatch.setattr(Ledger, "append", forgetful)
    outcome = run(*SWEEP, f"workers={workers}", "threads=1")
    assert outcome.status == 2
    assert "the ledger has no result of 1 of 20 points" in outcome.err
    assert "the same command with hydra.sweep.dir=sweep runs the rest" in outcome.err


def test_a_single_run_leaves_a_sweep_alone(run: Run, tmp_path: Path) -> None:
    run(*SWEEP)
    before = (tmp_path / "sweep" / ledger.NAME).read_bytes()
    outcome = run("experiment=mse", *QUICK, "hydra.run.dir=sweep")
    assert outcome.status == 2
    assert "sweep: holds the records of a sweep" in outcome.err
    assert "hydra.run.dir=" in outcome.err
    assert (tmp_path / "sweep" / ledger.NAME).read_bytes() == before


def test_a_single_run_holds_its_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with ledger.owned(tmp_path / "mine"):
        outcome = run("experiment=mse", *QUICK, "hydra.run.dir=mine")
    assert outcome.status == 2
    assert f"mine: another sweep is writing here (pid {os.getpid()}" in outcome.err
    assert run("experiment=mse", *QUICK, "hydra.run.dir=mine").status == 0
    assert run("experiment=mse", *QUICK, "hydra.run.dir=mine").status == 0, "run after run"


def test_an_answer_to_another_question_is_none() -> None:
    spec, other = specification("mse"), specification("mse", seed=7)
    job = Job(0, [], spec)
    result = {**lost(spec, "completed", ""), **identified(spec)}
    assert answer(job, result)["status"] == "completed"
    assert "code" not in answer(job, result)
    crossed = answer(job, {**result, **identified(other)})
    assert (crossed["status"], crossed["judgements"][0]["error"]) == (
        "crashed", "the process answered for another point",
    )  # fmt: skip
    code = {**identified(spec)["code"], "the formula": "f0"}
    stale = answer(job, {**result, "key": "k0", "code": code})
    assert (stale["status"], stale["judgements"][0]["error"]) == (
        "failed", "this worker has another version of the formula",
    )  # fmt: skip


def test_whoever_receives_a_specification_hashes_the_code_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    spec = specification("mse")
    assert "key" in vars(spec) or spec.key
    there: Spec = pickle.loads(pickle.dumps(spec))
    assert not {"key", "point", "formula_sha"} & {*vars(there)}
    assert there.key == spec.key
    assert attempt.attempt(there)["key"] == spec.key


EDITED = """
import time
from runner.formula import register

def shapes(n):
    return {"x": (n,)}

def forward(x, *, slow: int = 0):
    return 2 * x

def twice(grad_y, slow):
    time.sleep(1000 * slow)
    return {"x": FACTOR * grad_y}

register(shapes=shapes, forward=forward, gradients=[twice])
"""


def test_a_formula_that_is_edited_while_a_sweep_runs_gives_no_false_row(tmp_path: Path) -> None:
    plugin = tmp_path / "edited.py"
    plugin.write_text(EDITED.replace("FACTOR", "2"))
    command = [
        sys.executable, "-m", "runner", "-m", "formula=edited", "plugins=[edited.py]", "shape.n=3",
        "seed=1,2,3", "params.slow=0,1", "workers=1", "threads=1", "limits.timeout_s=3", *QUICK,
        "hydra.sweep.dir=sweep", "sweep.retry=false",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    sweep = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and sweep.poll() is None:
        if "completed" in [record["event"] for record in ledger.read(tmp_path / "sweep")]:
            break
        time.sleep(0.02)
    plugin.write_text(EDITED.replace("FACTOR", "3"))  # what a child that starts from now on imports
    assert sweep.wait(timeout=60) == 1
    plugin.write_text(EDITED.replace("FACTOR", "2"))
    rows = csv.read(tmp_path / "sweep" / csv.NAME)
    assert "wrong" not in set(rows["verdict"])
    stale = rows[rows["error"] == "this worker has another version of the formula"]
    assert len(stale) > 0
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    rows = csv.read(tmp_path / "sweep" / csv.NAME)
    assert set(rows[rows["params"] == "slow=0"]["verdict"]) == {"unchecked"}, done.stdout
    assert set(rows[rows["params"] == "slow=1"]["status"]) == {"timeout"}


ODD = [
    b"\n", b"{}\n", b"[]\n", b"null\n", b"\x00\xff\xfe\n", b'{"event":"completed"}\n', b'{"event":7}\n',
    b'{"event":"completed","key":"k1","point":"p1","index":0,"judgements":[{}]}\n',
    b'{"event":"completed","key":"k0123456789abcdef","point":"p0123456789abcdef","index":0,"settings":{"x":[{}]}]}\n',
    b'{"event":"started","key":null}\n', b"[" * 100_000 + b"\n", b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n",
    b"torn",
]  # fmt: skip


def test_odd_lines_are_left_out_counted_and_said(run: Run, tmp_path: Path) -> None:
    run(*SWEEP)
    path = tmp_path / "sweep" / ledger.NAME
    before = path.read_bytes().splitlines(keepends=True)
    odd = [line for pair in zip(before, ODD, strict=False) for line in pair if line not in (b"torn",)]
    path.write_bytes(b"".join([*odd, *before[len(ODD) :], b"torn"]))
    outcome = run(*SWEEP)
    assert outcome.status == 0, outcome.err
    assert "20 points: 20 found in the ledger, 20 skipped, 0 to run" in outcome.out
    assert f"{len(ODD) - 1} lines of sweep/ledger.jsonl are no records, and were left out" in outcome.out
    assert len(csv.read(tmp_path / "sweep" / csv.NAME)) == 40


@pytest.mark.parametrize("version", [1, 99, "two", None, [3]], ids=str)
def test_a_ledger_of_another_version_is_named(run: Run, tmp_path: Path, version: Any) -> None:
    (tmp_path / "sweep").mkdir()
    line = json.dumps({"event": "ledger", "version": version})
    (tmp_path / "sweep" / ledger.NAME).write_text(f"{line}\n")
    for command in (SWEEP, ["experiment=mse", *QUICK, "hydra.run.dir=sweep"]):
        outcome = run(*command)
        assert outcome.status == 2
        assert f"a ledger of version {version}" in outcome.err


@pytest.mark.parametrize("workers", [0, 1])
def test_a_folder_that_takes_no_report_keeps_the_ledger(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: int
) -> None:
    def full(folder: Path, rows: Any) -> Path:
        raise OSError(28, "No space left on device", str(folder / csv.NAME))

    with monkeypatch.context() as patch:
        patch.setattr(csv, "write", full)
        outcome = run(*SWEEP, f"workers={workers}", "threads=1")
    assert outcome.status == 2
    assert "sweep/report.csv: No space left on device: the report could not be written" in outcome.err
    assert "handgrad report sweep makes it" in outcome.err
    assert "Traceback" not in outcome.err
    assert "20 found in the ledger, 20 skipped" in run(*SWEEP).out


def test_what_is_no_message_is_told_from_one() -> None:
    here, there = socket.socketpair()
    with here, there:
        one, other = wire.Wire(here, b"m" * wire.MARK_BYTES), wire.Wire(there, b"m" * wire.MARK_BYTES)
        one.send(b"a" * 1_000_00)
        one.send(b"")
        assert other.receive(1) == b"a" * 1_000_00
        assert other.receive(1) == b""
        assert other.receive(0.01) is None
        here.sendall(b"mmmm")
        assert other.receive(0.01) is None, "half a mark may become one"
        here.sendall(b"junk")
        with pytest.raises(wire.GarbledError):
            other.receive(1)
        here.close()
        with pytest.raises((EOFError, wire.GarbledError)):
            wire.Wire(there, b"m" * wire.MARK_BYTES).receive(1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda n: n.name)
def test_a_signal_ends_a_sweep_once_and_with_a_report(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "runner", "-m", *HOSTILE, "params.mood=good,sleep", *QUICK]
    sweep = subprocess.Popen(
        [*command, "hydra.sweep.dir=sweep"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while (
        time.monotonic() < deadline
        and sum(r["event"] == "started" for r in ledger.read(tmp_path / "sweep")) < 2
    ):
        time.sleep(0.05)
    time.sleep(0.2)
    sweep.send_signal(number)
    time.sleep(0.05)
    sweep.send_signal(number)
    _, err = sweep.communicate(timeout=30)
    assert sweep.returncode == 128 + number, err
    assert err.startswith("interrupted. What is recorded is kept")
    assert err.count("\n") == 1
    assert len(csv.read(tmp_path / "sweep" / csv.NAME)) == 1


def test_what_pytorch_does_when_it_is_needed_is_no_fault_of_a_point(tmp_path: Path) -> None:
    """Its compiler, imported meanwhile, wraps torch.manual_seed, and sets filters and variables."""
    command = [
        sys.executable,
        "-m",
        "runner",
        "-m",
        "experiment=layer_norm,softmax",
        "check=full",
        "timing=off",
    ]
    for workers in ("0", "1"):
        settings = [f"workers={workers}", "threads=1", f"hydra.sweep.dir=sweep{workers}"]
        subprocess.run(
            [*command, *settings], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
        )
        notes = csv.read(tmp_path / f"sweep{workers}" / csv.NAME)["notes"]
        assert not notes.str.contains("put back").any()
