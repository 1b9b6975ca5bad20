"""A sweep is killed at random moments, and loses nothing."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from runner.report import csv
from runner.sweep import ledger
from tests.test_layers import ROOT

POINTS = 300
SWEEP = ["-m", "experiment=mse,dot_product", f"seed=range({POINTS // 2})", "timing=off", "check.level=off"]
OF_TIME = {"started_at"}


class Zygote:
    """Begins commands at once, in `tests/sweep/zygote.py`."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sweep.zygote"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def run(self, *arguments: str, kill_after: float | None = None) -> int:
        """Return the exit status of a command, -9 if it was killed before it was done."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([arguments, kill_after]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    made = Zygote(tmp_path_factory.mktemp("kill"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert zygote.run(*SWEEP, "threads=1", f"hydra.sweep.dir={folder}") == 0
    return csv.read(folder / csv.NAME)


@pytest.mark.parametrize(
    ("workers", "kills", "latest"), [(0, 15, 0.7), (2, 5, 5.0)], ids=["in this process", "on workers"]
)
def test_a_sweep_that_is_killed_loses_nothing(
    zygote: Zygote, undisturbed: pd.DataFrame, tmp_path: Path, workers: int, kills: int, latest: float
) -> None:
    rng = random.Random(workers)
    folders = [tmp_path / "0"]
    killed = 0
    while killed < kills:
        command = [*SWEEP, f"workers={workers}", "threads=1", f"hydra.sweep.dir={folders[-1]}"]
        status = zygote.run(*command, kill_after=rng.uniform(0.0, latest))
        assert status in (0, -signal.SIGKILL)
        killed += status != 0
        if status == 0:
            folders.append(tmp_path / str(len(folders)))
    assert zygote.run(*command) == 0
    for folder in folders:
        finished = Counter(r["key"] for r in ledger.read(folder) if r["event"] in ledger.FINISHED)
        assert len(finished) == POINTS
        assert set(finished.values()) == {1}
        report = csv.read(folder / csv.NAME)
        pd.testing.assert_frame_equal(
            report.drop(columns=[*OF_TIME]), undisturbed.drop(columns=[*OF_TIME]), check_exact=True
        )
