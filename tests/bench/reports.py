"""Reports of many rows: seconds and peak memory of CSV and summary, from the ledger to the last line printed.

The ledger is made beforehand, of one sweep's records with other seeds and hashes; the report is made by
`handgrad report` in a process of its own.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from runner.environment import ROOT
from runner.record import SCHEMA_VERSION
from runner.sweep import ledger

SIZES = {100_000: (10, 1.0), 1_000_000: (90, 4.0)}
"""Rows, with the seconds and GB that they may take."""
SWEEP = ["-m", "experiment=linear_mse,matvec,mse", "dtype=float32,bfloat16", "quiet=true"]


def measure() -> pd.DataFrame:
    """Return one row for each size, with its limits."""
    found = [_measured(rows, *limits) for rows, limits in SIZES.items()]
    return pd.DataFrame(found)


def _measured(rows: int, seconds: float, gb: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        written = many_rows(Path(folder), rows)
        took, peak = _report(Path(folder))
        size = sum((Path(folder) / name).stat().st_size for name in ("report.csv", "summary.csv"))
        return {
            "rows": written,
            "seconds": round(took, 1),
            "at_most_s": seconds,
            "peak_gb": round(peak / 1e9, 2),
            "at_most_gb": gb,
            "csv_mb": round(size / 1e6),
        }


def many_rows(folder: Path, rows: int) -> int:
    """Fill a ledger with that many rows, made of a small sweep's records; return how many there are."""
    records = _records(folder)
    of_round = sum(len(record["judgements"]) for record in records)
    with (folder / ledger.NAME).open("w") as file:
        for head in ({"event": "ledger", "version": SCHEMA_VERSION}, {"event": "sweep"}):
            file.write(json.dumps(head, separators=(",", ":")) + "\n")
        for seed in range(-(-rows // of_round)):
            for i, record in enumerate(records):
                number = seed * len(records) + i
                identity = {"key": f"k{number:016x}", "point": f"p{number:016x}", "index": number}
                settings = {**record["settings"], "seed": seed}
                again = {"event": record["event"], **identity, **record, **identity, "settings": settings}
                file.write(json.dumps(again, separators=(",", ":")) + "\n")
    return -(-rows // of_round) * of_round


def _records(folder: Path) -> list[dict[str, Any]]:
    """Run a small sweep once."""
    inside = folder / "small"
    command = [sys.executable, "-m", "runner", *SWEEP, f"hydra.sweep.dir={inside}"]
    psutil.Popen(command, cwd=ROOT).wait()
    return [record for record in ledger.read(inside) if record["event"] in ledger.FINISHED]


def _report(folder: Path) -> tuple[float, float]:
    """Make a report; return seconds and bytes at the peak."""
    began, peak = time.perf_counter(), 0.0
    process = psutil.Popen([sys.executable, "-m", "handgrad", "report", str(folder)], cwd=ROOT)
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    return time.perf_counter() - began, peak


if __name__ == "__main__":
    print(measure().to_string(index=False))
