"""`python -m tests.bench.paced ARGUMENTS`: run a sweep here, and print its milliseconds a point.

The clock runs from the end of the first eighth of the points, when every worker is at work, to the last.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any

from runner import app
from runner.sweep import ledger

ENDED: list[float] = []
APPEND = ledger.Ledger.append


def timed(records: ledger.Ledger, record: Mapping[str, Any]) -> None:
    """Append a record, and note when a point ended."""
    APPEND(records, record)
    if record["event"] in ledger.FINISHED:
        ENDED.append(time.perf_counter())


def main() -> None:
    """Run the sweep in this process."""
    ledger.Ledger.append = timed  # type: ignore[method-assign, assignment]
    sys.argv = ["runner", "-m", *sys.argv[1:], "hydra.sweep.dir=sweep"]
    try:
        app.main()
    finally:
        first = len(ENDED) // 8
        print((ENDED[-1] - ENDED[first]) / (len(ENDED) - 1 - first) * 1e3)


if __name__ == "__main__":
    main()
