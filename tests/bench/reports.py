"""Reports of many rows: seconds and peak memory of CSV and summary, and the page as its reader waits for it.

The ledger is made beforehand, of one sweep's records with other seeds, hashes and figures; the report is made
by `handgrad report` in a process of its own, from the ledger to the last line printed, and once more with its
page (`with_page_s`), which is then opened in a browser: MB, seconds until it can be used, and of the slowest
sort. Beside each stands what it may be, and the seconds of the processor, which do not depend on what else
the machine does.
"""

import json
import random
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
from tests.bench.browse import browsed

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
        took, computed, peak = _report(Path(folder), "csv")
        size = sum((Path(folder) / name).stat().st_size for name in ("report.csv", "summary.csv"))
        with_page, *_ = _report(Path(folder), "csv,html")
        page = Path(folder) / "report.html"
        found = browsed(page)
        return {
            "rows": written,
            "seconds": round(took, 1),
            "cpu_s": round(computed, 1),
            "at_most_s": seconds,
            "peak_gb": round(peak / 1e9, 2),
            "at_most_gb": gb,
            "csv_mb": round(size / 1e6),
            "with_page_s": round(with_page, 1),
            "page_mb": round(page.stat().st_size / 1e6, 1),
            "at_most_mb": 10,
            **found,
            "at_most_usable_s": 3,
            "at_most_sort_s": 0.5,
        }


def many_rows(folder: Path, rows: int) -> int:
    """Fill a ledger with that many rows, made of a small sweep's records; return how many there are."""
    records, chance = _records(folder), random.Random(0)
    of_round = sum(len(record["judgements"]) for record in records)
    with (folder / ledger.NAME).open("w") as file:
        for head in ({"event": "ledger", "version": SCHEMA_VERSION}, {"event": "sweep"}):
            file.write(json.dumps(head, separators=(",", ":")) + "\n")
        for seed in range(-(-rows // of_round)):
            for i, record in enumerate(records):
                number = seed * len(records) + i
                identity = {"key": f"k{number:016x}", "point": f"p{number:016x}", "index": number}
                settings = {**record["settings"], "seed": seed}
                judgements = [_varied(judgement, chance) for judgement in record["judgements"]]
                again = {"event": record["event"], **identity, **record, **identity, "settings": settings}
                again["judgements"] = judgements
                file.write(json.dumps(again, separators=(",", ":")) + "\n")
    return -(-rows // of_round) * of_round


def _varied(judgement: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Give a judgement figures of its own: those of a sweep are hardly ever the same, and compress badly."""
    figures = {
        part: {
            name: value * chance.uniform(0.5, 2.0) if type(value) is float else value
            for name, value in judgement[part].items()
        }
        for part in ("errors", "times")
        if judgement.get(part)
    }
    return {**judgement, **figures}


def _records(folder: Path) -> list[dict[str, Any]]:
    """Run a small sweep once."""
    inside = folder / "small"
    command = [sys.executable, "-m", "runner", *SWEEP, f"hydra.sweep.dir={inside}"]
    psutil.Popen(command, cwd=ROOT).wait()
    return [record for record in ledger.read(inside) if record["event"] in ledger.FINISHED]


def _report(folder: Path, formats: str) -> tuple[float, float, float]:
    """Make a report; return seconds, those of the processor, and bytes at the peak."""
    began, computed, peak = time.perf_counter(), 0.0, 0.0
    command = [sys.executable, "-m", "handgrad", "report", str(folder), "--format", formats]
    process = psutil.Popen(command, cwd=ROOT)
    while process.poll() is None:
        try:
            times = process.cpu_times()
            computed, peak = times.user + times.system, max(peak, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    return time.perf_counter() - began, computed, peak


if __name__ == "__main__":
    print(measure().to_string(index=False))
