"""A sweep, or one of its workers, is killed at random moments, and nothing is lost.

`make chaos` kills 500 times under another seed, which it prints.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest

from runner.report import csv
from runner.sweep import ledger
from tests.test_layers import ROOT

POINTS = 300
KILLS = int(os.environ.get("HANDGRAD_KILLS", "30"))
SEED = int(os.environ.get("HANDGRAD_SEED", "0"))
SWEEP = ["-m", "experiment=mse,dot_product", f"seed=range({POINTS // 2})", "timing=off", "check.level=off"]
MOST_HERE = 2  # kills of one sweep: a child that is killed three times while it starts ends it
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
    ("workers", "kills", "latest"),
    [(0, KILLS - KILLS // 5 - KILLS // 6, 0.7), (2, KILLS // 6, 5.0)],
    ids=["in this process", "on workers"],
)
def test_a_sweep_that_is_killed_loses_nothing(
    zygote: Zygote, undisturbed: pd.DataFrame, tmp_path: Path, workers: int, kills: int, latest: float
) -> None:
    rng = random.Random(SEED + workers)
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


def test_workers_that_are_killed_cost_no_more_than_their_point(tmp_path: Path) -> None:
    """Kill children while they start and while they run; those that run cost a point, which runs again."""
    rng, kills = random.Random(SEED), KILLS // 5
    command = [sys.executable, "-m", "runner", *SWEEP, "workers=2", "threads=1", "hydra.sweep.dir=sweep"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = 0
    while killed < kills:
        sweep = subprocess.Popen(
            [*command, "sweep.fresh=true"], cwd=tmp_path, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        here = 0
        while sweep.poll() is None:
            time.sleep(rng.uniform(0, 2))
            children = psutil.Process(sweep.pid).children() if sweep.poll() is None else []
            if children and killed < kills and here < MOST_HERE:
                with suppress(psutil.Error):
                    rng.choice(children).kill()
                    here, killed = here + 1, killed + 1
        _, err = sweep.communicate()
        assert (sweep.returncode in (0, 1), err) == (True, "")
        rows = csv.read(tmp_path / "sweep" / csv.NAME)
        assert rows["point"].nunique() == POINTS
        lost = rows[rows["status"] != "completed"]
        assert len(lost) <= here
        assert set(lost["status"]) <= {"crashed"}
        assert set(lost["error"].str.contains("SIGKILL")) <= {True}
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    assert set(csv.read(tmp_path / "sweep" / csv.NAME)["status"]) == {"completed"}
