"""`python -m tests.bench.paced ARGUMENTS`: run a sweep; print ms a point of experiments, whole, and steady.

Whole is from the call of the sweeper, planning included, to the last record; steady from the end of the first
eighth of the points, when every worker is at work.
"""

import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

from runner.command import app, session
from runner.report import progress
from runner.sweep import attempt, ledger

IMPORTED = progress, session
ENDED: list[float] = []
BEGAN: list[float] = []
SECONDS: list[float] = []  # of each point's experiment
APPEND, MAKE = ledger.Ledger.append, Plugins.instantiate_sweeper


def timed(records: ledger.Ledger, record: Mapping[str, Any]) -> None:
    """Append a record, and note when a point ended."""
    APPEND(records, record)
    if record["event"] in ledger.FINISHED:
        ENDED.append(time.perf_counter())
        SECONDS.append(record["seconds"])


def begun(plugins: Plugins, *arguments: Any, **named: Any) -> Sweeper:
    """Make the sweeper, and note when: Hydra calls it next."""
    BEGAN.append(time.perf_counter())
    return MAKE(plugins, *arguments, **named)


def main() -> None:
    """Run the sweep in this process."""
    attempt.warm_up()  # imports are start-up
    ledger.Ledger.append = timed  # type: ignore[method-assign, assignment]
    Plugins.instantiate_sweeper = begun  # type: ignore[method-assign, assignment]
    sys.argv = ["runner", "-m", *sys.argv[1:], "hydra.sweep.dir=sweep"]
    try:
        app.main()
    finally:
        first = len(ENDED) // 8
        steady = (ENDED[-1] - ENDED[first]) / (len(ENDED) - 1 - first)
        whole = (ENDED[-1] - BEGAN[0]) / len(ENDED)
        print(statistics.mean(SECONDS) * 1e3, whole * 1e3, steady * 1e3)


if __name__ == "__main__":
    main()
