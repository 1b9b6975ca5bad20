"""Sweeps: points a second beside stock Hydra in the same run, 100,000 points, and the second worker.

Start-up is left out: the clock runs from the call of the sweeper to the last point, or where workers start,
from the end of the first eighth of the points; the sweeps that are compared take turns. The 100,000 points
run with an experiment that returns rows made beforehand: what is measured is the sweep's own time and memory.
"""

import statistics
import subprocess
import sys
import tempfile

import pandas as pd

from runner.environment import ROOT

ROUNDS = 5
MANY = 100_000
QUICK = ["timing=off", "check.level=off", "quiet=true"]
SMALL = ["experiment=linear_mse", *QUICK]
TEN_MS = ["experiment=linear_network", "shape.layers=[150,150,150]", "shape.batch=100", *QUICK, "threads=1"]

SWEEPS = {
    "grid": [*SMALL, "seed=range(1000)"],
    "stock": [*SMALL, "seed=range(20)", "hydra/sweeper=basic"],
    "one": [*TEN_MS, "seed=range(400)", "workers=1"],
    "two": [*TEN_MS, "seed=range(800)", "workers=2"],
}
WITH_WORKERS = ("one", "two")


def measure() -> pd.DataFrame:
    """Return one row for each figure, with its limit."""
    ms, of_experiments = _ms_a_point()
    growth, csv_s, many_ms = _many()
    rows = [
        ("linear_mse, grid: ms a point", ms["grid"], "<= 3"),
        ("linear_mse, of which the experiment itself: ms", of_experiments["grid"], ""),
        ("linear_mse, stock Hydra: ms a point", ms["stock"], ""),
        ("grid over stock: points a second", ms["stock"] / ms["grid"], ">= 50"),
        (f"{MANY} points, experiment apart: ms a point", many_ms, ""),
        (f"{MANY} points: growth after the first 1000, MB", growth, "<= 50"),
        (f"{MANY} points: CSV, s", csv_s, "<= 15"),
        ("one worker: ms a point", ms["one"], ""),
        ("two workers over one: points a second", ms["one"] / ms["two"], ">= 1.7"),
    ]
    table = pd.DataFrame(rows, columns=["what", "measured", "limit"])
    return table.assign(measured=[float(f"{value:.3g}") for value in table["measured"]])


def _ms_a_point() -> tuple[dict[str, float], dict[str, float]]:
    """Return the medians of several runs of each sweep, which take turns: in all, and of the experiments."""
    total: dict[str, list[float]] = {name: [] for name in SWEEPS}
    inside: dict[str, list[float]] = {name: [] for name in SWEEPS}
    for _ in range(ROUNDS):
        for name, arguments in SWEEPS.items():
            *_, experiments, whole, steady = map(float, _run("tests.bench.paced", *arguments)[-3:])
            inside[name].append(experiments)
            total[name].append(steady if name in WITH_WORKERS else whole)
    medians = ({name: statistics.median(found) for name, found in times.items()} for times in (total, inside))
    return next(medians), next(medians)


def _run(module: str, *arguments: str) -> list[str]:
    """Run a module in an empty folder; return the words that it printed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", module, *arguments]
        environment = {"PATH": "", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=folder, env=environment
        )
        return done.stdout.split()


def _many() -> tuple[float, float, float]:
    """Return memory growth in MB, seconds of the CSV, and milliseconds a point, of 100,000 points."""
    growth, csv_s, ms = map(float, _run("tests.bench.many", str(MANY), "sweep")[-3:])
    return growth, csv_s, ms


if __name__ == "__main__":
    print(measure().to_string(index=False))
