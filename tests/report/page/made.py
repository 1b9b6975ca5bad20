"""A folder with a ledger that has a bit of everything, made of real experiments."""

import copy
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from runner.experiment import run
from runner.report.changes.change import changes
from runner.report.changes.side import Side
from runner.report.page.compared import SIDES
from runner.report.page.compared import write as write_compared
from runner.report.page.read import Report
from runner.report.page.write import write
from runner.settings import Timing
from runner.sweep.job import Job, finished, packed
from runner.sweep.ledger import Ledger
from tests.registry import specification

SCRIPT = "<script>document.title='run'</script></script><img src=x onerror=alert(1)>"
LISTING = {
    "files": {
        SCRIPT: [
            {"line": 8, "text": SCRIPT, "what": "= dL/dy", "in_u": 0.5},
            {"line": 9, "text": "    return y", "what": "?", "mark": "wrong"},
        ]
    },
    "said": SCRIPT,
}
CLOCK = Timing("quick", rounds=3, min_time=1e-4)


def folder(path: Path, *, changed: bool = True, points: int | None = None) -> Path:
    """Write the ledger of some experiments, of which one is wrong and one failed with markup in its words."""
    records = [*_records()][:points]
    if changed:
        wrong, failed = copy.deepcopy(records[0]), copy.deepcopy(records[1])
        wrong["judgements"][0] |= {
            "verdict": "wrong",
            "diagnosis": [{"say": "rounding_only", "error": 1.0, "bound": 0.5}],
            "listing": LISTING,
        }
        failed["judgements"] = [
            {**one, "status": "failed", "verdict": None, "error": SCRIPT} for one in failed["judgements"]
        ]
        failed["settings"]["execution"] = "compile"
        for number, record in enumerate((wrong, failed)):
            record["point"] = f"p{number:016x}"
            record["settings"]["params"] = {"note": SCRIPT}
        records += [wrong, failed]
    return _kept(path, records)


def _kept(path: Path, records: Iterable[Any]) -> Path:
    path.mkdir(exist_ok=True)
    with Ledger(path) as ledger:
        for record in records:
            ledger.append(record)
    (path / "environment.json").write_text(json.dumps({"host": SCRIPT, "torch_version": "9"}))
    return path


def compared(path: Path) -> Path:
    """Write the page of two reports, of which the new one has a gradient that failed, and lacks a point."""
    records = [*_records()]
    failed, *others = copy.deepcopy(records[:-1])
    failed["judgements"][0] |= {"status": "failed", "verdict": None, "error": SCRIPT}
    others[0]["judgements"][0]["times"]["peak_memory_mb"] += 1.0
    others[0]["judgements"][0]["errors"]["in_u"] += 7.0
    old, new = (
        Side.read(_kept(path / name, of))
        for name, of in zip(SIDES, (records, [failed, *others]), strict=True)
    )
    write_compared(changes(old, new, {"wrong": 1.0, "accuracy": 2.0}), path / "compared.html")
    return path / "compared.html"


def written(folder: Path) -> Path:
    """Write the page of a folder."""
    return write(Report.read(folder))


@cache
def _records() -> tuple[dict[str, Any], ...]:
    return tuple(_ran())


def _ran() -> Iterable[dict[str, Any]]:
    index = 0
    for name in ("mse", "linear_mse"):
        for dtype in ("float32", "bfloat16"):
            for size in (5, 10, 20, 40):
                shape = {"n": size} if name == "mse" else {"m": size, "n": 5}
                spec = specification(name, dtype=dtype, timing=CLOCK, shape=shape)
                overrides = [f"experiment={name}", f"dtype={dtype}"]
                result = packed(spec, run(spec), datetime.now(UTC))
                yield json.loads(json.dumps(finished(Job(index, overrides, spec), result)))
                index += 1
