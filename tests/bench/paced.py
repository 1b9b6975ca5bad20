"""`python -m tests.bench.paced ARGUMENTS`: run a sweep here; print ms a point, of its experiments and in all.

The clock runs from the end of the first eighth of the points, when every worker is at work, to the last.
"""

import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

from runner import app
from runner.sweep import ledger

ENDED: list[float] = []
SECONDS: list[float] = []  # of each point's experiment
APPEND = ledger.Ledger.append


def timed(records: ledger.Ledger, record: Mapping[str, Any]) -> None:
    """Append a record, and note when a point ended."""
    APPEND(records, record)
    if record["event"] in ledger.FINISHED:
        ENDED.append(time.perf_counter())
        SECONDS.append(record["seconds"])


def main() -> None:
    """Run the sweep in this process."""
    ledger.Ledger.append = timed  # type: ignore[method-assign, assignment]
    sys.argv = ["runner", "-m", *sys.argv[1:], "hydra.sweep.dir=sweep"]
    try:
        app.main()
    finally:
        first = len(ENDED) // 8
        total = (ENDED[-1] - ENDED[first]) / (len(ENDED) - 1 - first)
        print(statistics.mean(SECONDS[first + 1 :]) * 1e3, total * 1e3)


if __name__ == "__main__":
    main()
