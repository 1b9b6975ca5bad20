"""What the code of one point does costs no other point its row, whatever it is."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from runner.report import csv
from tests.conftest import Run
from tests.test_layers import ROOT

FILE = Path(__file__).with_name("hostile.py")  # which registers a formula: it is no module of the tests
HOSTILE = ["formula=hostile", f"plugins=[{FILE}]", "shape.n=3"]
QUICK = ["timing=off", "check.level=off"]
LIMIT_S = 6
DENSE = "a dense tensor of numbers is judged"
NOT_ITS_OWN = "the code closed descriptors that are not its own"

COMPLETED = ("completed", "")
ANYWHERE: dict[str, tuple[str, str]] = {
    "good": COMPLETED,
    "raise": ("failed", "ValueError: no gradient today"),
    "bare": ("failed", "BareError: no gradient either"),
    "cancel": ("failed", "CancelledError"),
    "interrupt": ("failed", "KeyboardInterrupt"),
    "unspeakable": ("failed", "UnspeakableError: its message cannot be made"),
    "surrogate": ("failed", r"ValueError: a\ud800b\x00c"),
    "ansi": ("failed", r"ValueError: \x1b[31mred\x07 \u202e[bold]"),
    "long": ("failed", f"ValueError: {'m' * 500}... (10000000 characters)"),
    "leave": ("crashed", "the code exits with sys.exit(4)"),
    **dict.fromkeys(
        ("directory", "deleted", "dtype", "device", "inference", "replaces", "environment", "handler",
         "recursion", "prints", "fork", "process"),
        COMPLETED,
    ),
    "quantised": ("failed", f"the gradient of x is quantised; {DENSE}"),
    "sparse": ("failed", f"the gradient of x is of layout torch.sparse_coo; {DENSE}"),
    "meta": COMPLETED,
    "nested": ("failed", f"the gradient of x is a nested tensor; {DENSE}"),
    "freed": ("failed", f"the gradient of x is a tensor whose memory was freed; {DENSE}"),
}  # fmt: skip
HERE = {**ANYWHERE, "sleep": ("timeout", f"ran longer than limits.timeout_s={LIMIT_S}"), "closes": COMPLETED}
ON_WORKERS = {
    **ANYWHERE,
    "closes": ("crashed", NOT_ITS_OWN),
    "junk": ("crashed", "the code wrote to descriptors that are not its own"),
    "exit": ("crashed", "the process exited with status 3"),
    "exit 0": ("crashed", "the process exited with status 0"),
    "exit 74": ("crashed", NOT_ITS_OWN),
    "exit 75": ("crashed", "the process exited with status 75"),
    "segfault": ("crashed", "the process was killed by SIGSEGV"),
    "killed": ("crashed", "the process was killed by SIGKILL, perhaps by the system for want of memory"),
    "sleep": ("timeout", f"ran longer than limits.timeout_s={LIMIT_S}"),
    "hang": ("timeout", f"ran longer than limits.timeout_s={LIMIT_S}"),
    "process hangs": ("timeout", f"ran longer than limits.timeout_s={LIMIT_S}"),
    "allocate": ("crashed", "out of memory: more than limits.memory_gb=1"),
}
LEFT = {  # and the environment, unless PyTorch imports a part of itself meanwhile
    "directory": "the working directory",
    "deleted": "the working directory",
    "handler": "the signal handlers",
    "recursion": "the recursion limit",
    "prints": "the standard streams",
    "replaces": "torch.cos",
}


def test_every_mood_is_tried() -> None:
    table = FILE.read_text().partition("ACTS:")[2].partition("\n}")[0]
    assert {*HERE, *ON_WORKERS} == {*re.findall(r'^    "(.+?)":', table, re.MULTILINE)}


@pytest.mark.parametrize("workers", [0, 2], ids=["here", "workers"])
def test_no_point_stops_another(tmp_path: Path, workers: int) -> None:
    expected: Mapping[str, tuple[str, str]] = ON_WORKERS if workers else HERE
    moods = ",".join(f"'{mood}'" for mood in expected)
    limits = [f"limits.timeout_s={LIMIT_S}", "limits.memory_gb=1", f"workers={workers}", "threads=1"]
    command = ["-m", *HOSTILE, f"params.mood={moods}", *limits, *QUICK, "hydra.sweep.dir=sweep"]
    done = subprocess.run(
        [sys.executable, "-m", "runner", *command],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    rows = csv.read(tmp_path / "sweep" / csv.NAME)
    rows["mood"] = rows["params"].str.removeprefix("mood=")
    assert [*rows.groupby("mood", sort=False).size()] == [1] * len(expected)
    for mood, status, verdict, error, notes in zip(
        rows["mood"], rows["status"], rows["verdict"], rows["error"], rows["notes"], strict=True
    ):
        assert (mood, status) == (mood, expected[mood][0]), error
        assert expected[mood][1] in error
        due = "invalid" if mood == "meta" else "unchecked"
        assert verdict == (due if expected[mood] == COMPLETED else status)
        assert LEFT.get(mood, "") in notes
    alone = rows[rows["mood"] == "good"].iloc[0]
    for mood in (name for name in expected if expected[name] == COMPLETED and name != "meta"):
        one = rows[rows["mood"] == mood].iloc[0]
        assert one["truth_error"] == alone["truth_error"], f"{mood}: the same numbers as alone"
    sleeping = [
        process for process in psutil.process_iter(["cmdline"]) if "1234" in (process.info["cmdline"] or ())
    ]
    assert sleeping == [], "what a point starts ends with it"


def test_each_point_has_its_own_status_on_a_cluster(run: Run, cluster: str) -> None:
    moods = ["good", "raise", "exit", "segfault", "junk", "hang"]
    limits = [f"limits.timeout_s={LIMIT_S}", "limits.memory_gb=1"]
    outcome = run("-m", *HOSTILE, f"params.mood={','.join(moods)}", "seed=1", cluster, *limits, *QUICK)
    assert outcome.status == 1
    found = {row["params"].removeprefix("mood="): (row["status"], row["error"] or "") for row in outcome.rows}
    assert {mood: status for mood, (status, _) in found.items()} == {m: ON_WORKERS[m][0] for m in moods}
    assert all(ON_WORKERS[mood][1] in error for mood, (_, error) in found.items())
    assert "5 rows to look at, 5 causes:" in outcome.out
    assert outcome.out.count("no gradient today") == 1, "what a point failed of is said once"
    assert "python -m runner formula=hostile" in outcome.out
    assert "params.mood=raise seed=1 timing=off" in outcome.out


@pytest.mark.parametrize("retry", [True, False])
def test_what_failed_is_run_again_unless_it_is_left(run: Run, retry: bool) -> None:
    command = ["-m", *HOSTILE, "params.mood=raise,good", *QUICK, "hydra.sweep.dir=sweep"]
    assert "2 points: 0 found in the ledger, 0 skipped, 2 to run" in run(*command).out
    outcome = run(*command, f"sweep.retry={str(retry).lower()}")
    assert outcome.status == 1
    said = (
        "2 found in the ledger, 1 skipped, 1 to run"
        if retry
        else "2 found in the ledger, 2 skipped, 0 to run"
    )
    assert said in outcome.out


def test_a_limit_must_be_a_limit(run: Run) -> None:
    for setting in (
        "limits.timeout_s=0", "limits.timeout_s=inf", "limits.timeout_s=1e300", "limits.memory_gb=-1",
        "limits.memory_gb=nan", "threads=0", "threads=99999999999", "workers=-1", "workers=99999999999",
    ):  # fmt: skip
        for mode in ([], ["-m"]):
            outcome = run(*mode, "experiment=mse", *QUICK, setting)
            assert outcome.status == 2
            assert setting.partition("=")[0] in outcome.err
            assert outcome.folders == []


def test_a_time_limit_counts_for_a_single_run(run: Run) -> None:
    outcome = run(*HOSTILE, "params.mood=sleep", "limits.timeout_s=1", *QUICK)
    assert outcome.status == 1
    assert outcome.rows[0]["status"] == "timeout"
