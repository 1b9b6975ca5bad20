"""What the code of one point does costs no other point its row."""

import time
from pathlib import Path

import pytest

from tests.conftest import Run

HOSTILE = ["formula=hostile", f"plugins=[{Path(__file__).with_name('hostile.py')}]", "shape.n=3"]
QUICK = ["timing=off", "check.level=off"]

EXPECTED = {
    "good": ("completed", ""),
    "raise": ("failed", "ValueError: no gradient today (hostile.py:28)"),
    "exit": ("crashed", "the process exited with status 3"),
    "leave": ("crashed", "the code exits with sys.exit(4)"),
    "segfault": ("crashed", "the process was killed by SIGSEGV"),
    "sleep": ("timeout", "ran longer than limits.timeout_s=8"),
    "hang": ("timeout", "ran longer than limits.timeout_s=8"),
    "allocate": ("crashed", "out of memory: more than limits.memory_gb=1"),
}


def test_each_point_has_its_own_status_on_workers(run: Run, pool: str) -> None:
    moods = ",".join(mood for mood in EXPECTED if mood != "leave")
    limits = ["limits.timeout_s=8", "limits.memory_gb=1"]
    outcome = run("-m", *HOSTILE, f"params.mood={moods}", "seed=1", pool, *limits, *QUICK)
    assert outcome.status == 1
    found = {row["params"].removeprefix("mood="): (row["status"], row["error"] or "") for row in outcome.rows}
    assert found == {mood: expected for mood, expected in EXPECTED.items() if mood != "leave"}
    assert "6 points to look at:" in outcome.out
    assert outcome.out.count("no gradient today") == 1, "what a point failed of is said once"
    assert "python -m runner formula=hostile" in outcome.out
    assert "params.mood=raise seed=1 timing=off" in outcome.out


def test_exceptions_and_time_limits_are_survived_in_this_process(run: Run) -> None:
    began = time.monotonic()
    moods = "raise,leave,sleep,good"
    outcome = run("-m", *HOSTILE, f"params.mood={moods}", "limits.timeout_s=2", *QUICK)
    expected = {**EXPECTED, "sleep": ("timeout", "ran longer than limits.timeout_s=2")}
    assert [(row["status"], row["error"] or "") for row in outcome.rows] == [
        expected[mood] for mood in moods.split(",")
    ]
    assert time.monotonic() - began < 40


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
    for setting in ("limits.timeout_s=0", "limits.memory_gb=-1", "threads=0", "workers=-1"):
        outcome = run("-m", "experiment=mse", *QUICK, setting)
        assert outcome.status == 2
        assert setting.partition("=")[0] in outcome.err
        assert outcome.folders == []
