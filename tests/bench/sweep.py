"""Sweeps: points a second beside stock Hydra in the same run, 100,000 points, and the second worker.

Start-up is left out by taking the difference between a long and a short sweep. The 100,000 points run with an
experiment that returns rows made beforehand: what is measured is the sweep's own time and memory.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from runner.environment import ROOT
from runner.experiment import run
from tests.registry import specification

ROUNDS = 3
MANY = 100_000
QUICK = ["timing=off", "check.level=off", "quiet=true"]
SMALL = ["experiment=linear_mse", *QUICK]
TEN_MS = ["experiment=linear_network", "shape.layers=[100,100,100]", "shape.batch=50", *QUICK]


def measure() -> pd.DataFrame:
    """Return one row for each figure, with its limit."""
    grid = _ms_a_point([*SMALL], 200, 1200)
    stock = _ms_a_point([*SMALL, "hydra/sweeper=basic"], 2, 22)
    alone = _ms_of_run()
    one, two = (_ms_a_point([*TEN_MS, f"workers={n}", "threads=1"], 20, 220) for n in (1, 2))
    growth, csv_s, many_ms = _many()
    rows = [
        ("linear_mse, grid: ms a point", grid, "<= 3"),
        ("linear_mse, of which the experiment itself: ms", alone, ""),
        ("linear_mse, stock Hydra: ms a point", stock, ""),
        ("grid over stock: points a second", stock / grid, ">= 50"),
        (f"{MANY} points, experiment apart: ms a point", many_ms, ""),
        (f"{MANY} points: growth after the first 1000, MB", growth, "<= 50"),
        (f"{MANY} points: CSV, s", csv_s, "<= 15"),
        ("one worker: ms a point", one, ""),
        ("two workers over one: points a second", one / two, ">= 1.7"),
    ]
    table = pd.DataFrame(rows, columns=["what", "measured", "limit"])
    return table.assign(measured=[float(f"{value:.3g}") for value in table["measured"]])


def _ms_a_point(arguments: Sequence[str], few: int, many: int) -> float:
    """Return the median of several differences between a long and a short sweep, for one point."""
    times = [_seconds(arguments, many) - _seconds(arguments, few) for _ in range(ROUNDS)]
    return statistics.median(times) / (many - few) * 1e3


def _seconds(arguments: Sequence[str], points: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "runner", "-m", *arguments, f"seed=range({points})"]
        began = time.perf_counter()
        subprocess.run(
            command, check=True, capture_output=True, cwd=folder, env={"PATH": "", "PYTHONPATH": str(ROOT)}
        )
        return time.perf_counter() - began


def _ms_of_run() -> float:
    """Return what the experiment takes without any sweep around it."""
    spec, times = specification("linear_mse"), []
    for _ in range(300):
        began = time.perf_counter()
        run(spec)
        times.append(time.perf_counter() - began)
    return statistics.median(times[100:]) * 1e3


def _many() -> tuple[float, float, float]:
    """Return memory growth in MB, seconds of the CSV, and milliseconds a point, of 100,000 points."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.bench.many", str(MANY), "sweep"]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=folder, env={"PYTHONPATH": str(ROOT)}
        )
        assert Path(folder, "sweep", "report.csv").read_bytes().count(b"\n") == 4 * MANY + 1
    growth, csv_s, ms = map(float, done.stdout.split()[-3:])
    return growth, csv_s, ms


if __name__ == "__main__":
    print(measure().to_string(index=False))
