"""Rows made by hand."""

import math
from typing import Any

from runner.report.row import EMPTY


def cells(**filled: Any) -> dict[str, Any]:
    row = {**EMPTY, "status": "completed", **filled}
    return {**row, "verdict": row["verdict"] or row["status"]}


MOMENT = "2026-01-02T03:04:05.678+00:00"
ROWS = [
    cells(
        experiment="a", verdict="exact", max_abs_error=0.0, error_over_bound=0.0, seed=3, key="1", dtype="f"
    ),
    cells(experiment="b", status="failed", error='a comma, a "quote"\nand a line', git_dirty=True),
    cells(
        experiment="c", verdict="wrong", error_over_bound=math.nan, nonfinite=2, worst_index="[0,1]", key="2"
    ),
    cells(experiment="d", verdict="wrong", error_over_bound=math.inf, key="3"),
    cells(experiment="e", verdict="inaccurate", error_over_bound=2.5, started_at=MOMENT),
]
