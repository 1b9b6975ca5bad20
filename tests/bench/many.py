"""`python -m tests.bench.many POINTS FOLDER`: a sweep whose experiments cost nothing; prints MB, s, ms."""

import sys
import time
from pathlib import Path
from typing import Any

import psutil

from runner import experiment
from runner.case.spec import Spec
from runner.command import app
from runner.judge.judgement import Judgement
from runner.report import csv, publish
from runner.sweep import attempt
from runner.verdicts import Verdict

SEEN: dict[str, Any] = {
    "points": 0,
    "judgements": None,
    "after_1000": 0.0,
    "began": 0.0,
    "ended": 0.0,
    "csv_s": 0.0,
}
PUBLISH = publish.publish


def canned(spec: Spec) -> list[Judgement]:
    """Return the judgements of the first point for every other."""
    SEEN["points"] += 1
    if SEEN["judgements"] is None:
        SEEN["judgements"] = experiment.run(spec)
        SEEN["began"] = time.perf_counter()
    if SEEN["points"] == 1000:
        SEEN["after_1000"] = _memory_mb()
    SEEN["ended"] = time.perf_counter()
    judgements: list[Judgement] = SEEN["judgements"]
    return judgements


def timed(folder: Path, fail_on: Verdict, **options: Any) -> int:
    """Make the report, and note how long it takes, from the ledger to the last table."""
    began = time.perf_counter()
    status = PUBLISH(folder, fail_on, **options)
    SEEN["csv_s"] = time.perf_counter() - began
    return status


def _memory_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def main() -> None:
    """Run the sweep in this process."""
    points, folder = sys.argv[1:]
    vars(attempt)["run"] = canned
    publish.publish = timed
    sys.argv = [
        "runner", "-m", "experiment=linear_mse", "timing=off", "check.level=off", f"seed=range({points})",
        f"hydra.sweep.dir={folder}",
    ]  # fmt: skip
    try:
        app.main()
    finally:
        ms = (SEEN["ended"] - SEEN["began"]) / int(points) * 1e3
        assert Path(folder, csv.NAME).read_bytes().count(b"\n") == 4 * int(points) + 1, "a row is missing"
        print(_memory_mb() - SEEN["after_1000"], SEEN["csv_s"], ms)


if __name__ == "__main__":
    main()
