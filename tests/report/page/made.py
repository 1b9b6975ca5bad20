"""A folder with a ledger that has a bit of everything, made of real experiments."""

import copy
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.experiment import run
from runner.report.page.read import Report
from runner.report.page.write import write
from runner.settings import Timing
from runner.sweep.job import Job, finished, packed
from runner.sweep.ledger import Ledger
from tests.registry import specification

SCRIPT = "<script>document.title='run'</script></script><img src=x onerror=alert(1)>"
CLOCK = Timing("quick", rounds=3, min_time=1e-4)


def folder(path: Path, *, changed: bool = True) -> Path:
    """Write the ledger of some experiments, of which one is wrong and one failed with markup in its words."""
    path.mkdir(exist_ok=True)
    records = [*_records()]
    if changed:
        wrong, failed = copy.deepcopy(records[0]), copy.deepcopy(records[1])
        wrong["judgements"][0] |= {
            "verdict": "wrong",
            "diagnosis": [{"say": "rounding_only", "error": 1.0, "bound": 0.5}],
        }
        failed["judgements"] = [
            {**one, "status": "failed", "verdict": None, "error": SCRIPT} for one in failed["judgements"]
        ]
        for number, record in enumerate((wrong, failed)):
            record["point"] = f"p{number:016x}"
            record["settings"]["params"] = {"note": SCRIPT}
        records += [wrong, failed]
    with Ledger(path) as ledger:
        for record in records:
            ledger.append(record)
    (path / "environment.json").write_text(json.dumps({"host": SCRIPT, "torch_version": "9"}))
    return path


def written(folder: Path) -> Path:
    """Write the page of a folder."""
    return write(Report.read(folder))


def _records() -> Iterable[dict[str, Any]]:
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
