"""Start-up, cold processes: each command beside the imports that it cannot do without."""

import statistics
import subprocess
import sys
import tempfile
import time

import pandas as pd

ROUNDS = 9
IMPORT_ALL = [sys.executable, "-c", "import torch, hydra, pandas"]
IMPORT_HYDRA = [sys.executable, "-c", "import hydra"]
RUNNER = [sys.executable, "-m", "runner"]
COMPLETE = {"COMP_LINE": "python -m runner experiment="}

PAIRS = [
    ("experiment=dot_product", [*RUNNER, "experiment=dot_product"], IMPORT_ALL, {}, 1.3),
    ("--cfg job", [*RUNNER, "experiment=dot_product", "--cfg", "job"], IMPORT_HYDRA, {}, 2.0),
    ("--help", [*RUNNER, "--help"], IMPORT_HYDRA, {}, None),
    ("completion", [*RUNNER, "--shell-completion", "query=bash"], IMPORT_HYDRA, COMPLETE, 2.0),
]


def measure() -> pd.DataFrame:
    """Time each pair in turn, after one warm-up; medians in seconds and their ratio."""
    rows = []
    for name, command, baseline, variables, limit in PAIRS:
        times: dict[str, list[float]] = {"command": [], "baseline": []}
        for _ in range(ROUNDS + 1):
            times["command"].append(_seconds(command, variables))
            times["baseline"].append(_seconds(baseline, variables))
        command_s, baseline_s = (statistics.median(t[1:]) for t in times.values())
        rows.append(
            {
                "command": name,
                "beside": baseline[-1],
                "command_s": round(command_s, 3),
                "baseline_s": round(baseline_s, 3),
                "ratio": round(command_s / baseline_s, 2),
                "at_most": limit,
            }
        )
    return pd.DataFrame(rows)


def _seconds(command: list[str], variables: dict[str, str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env={"PATH": "", **variables})
        return time.perf_counter() - started
