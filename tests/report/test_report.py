"""Rows survive the way to the ledger, to the CSV, and back."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner.compare import Errors
from runner.diagnose import say
from runner.judge.judgement import Judgement, Times
from runner.record import spelled
from runner.report.row import EMPTY, numeric, over, rows
from runner.report.summary import worst_error
from runner.sweep import ledger
from runner.sweep.job import Job, finished, packed
from tests.registry import specification
from tests.report.made import ROWS

ERRORS = Errors(2.0, math.nan, 0.5, math.inf, -0.0, 1e-300, 1, (2, 3), -0.0, math.nan)
TIMES = Times(
    timing="quick cache=warm heap=warm", blocks=2, manual_ms=0.5, manual_iqr_ms=0.1, autograd_ms=1.0,
    autograd_iqr_ms=0.2, forward_ms=0.125, speedup=2.0, speedup_low=1.5, speedup_high=2.5, noisy=True,
    peak_memory_mb=0.0, autograd_peak_memory_mb=1e-4, saved_mb=0.0, autograd_saved_mb=0.0, operations=7,
    floor_ms=0.25, floor_by="memory", efficiency=0.5, autograd_efficiency=0.25,
    manual_blocks_ms=(0.4, 0.6), autograd_blocks_ms=(1.0, 1.0),
)  # fmt: skip
JUDGEMENTS = [
    Judgement(derivation="d", wrt="x", size=(), verdict="exact", max_abs_error=0.0, judged_in="float64"),
    Judgement(
        derivation="d", wrt="W", size=(2, 3), verdict="inaccurate", errors=ERRORS, max_abs_error=math.nan,
        autograd_truth_error=0.25, bound=1e-17, times=TIMES,
        failed=("precision",), notes=(say("decided_in", refusal="no float64", dtype="bfloat16"),),
        diagnosis=(say("finding", check="precision", condition="large", what=say("not_finite", count=2)),),
    ),
    Judgement(derivation="e", wrt="x", verdict="wrong", size=(0,), times=TIMES),
    Judgement(derivation="f", status="failed", error="ZeroDivisionError: of what"),
]  # fmt: skip


@pytest.mark.parametrize("read", [json.loads, ledger.AS_WRITTEN])
def test_judgements_survive_the_ledger_and_become_rows(tmp_path: Path, read: Any) -> None:
    spec = specification("linear_mse")
    record = finished(Job(7, ["seed=1"], spec), packed(spec, JUDGEMENTS, datetime.now(UTC)))
    ledger.append(tmp_path, record)
    line = (tmp_path / ledger.NAME).read_bytes().splitlines(keepends=True)[-1]
    scalar, matrix, wrong, failed = map(numeric, rows(ledger.parsed(line, read) or {}))
    assert all(list(row) == list(EMPTY) for row in (scalar, matrix, wrong, failed))
    assert (scalar["gradient_shape"], scalar["elements"], scalar["shape"]) == ("scalar", 1, "m=20 n=5")
    assert (matrix["gradient_shape"], matrix["elements"], matrix["worst_index"]) == ("2x3", 6, "[2,3]")
    assert math.isnan(matrix["truth_error"])
    assert math.isinf(matrix["error_u"])
    assert math.copysign(1, matrix["manual_at_worst"]) == math.copysign(1, matrix["ulp_p50"]) == -1
    assert matrix["error_ratio"] != matrix["error_ratio"]
    assert (matrix["speedup"], wrong["speedup"], wrong["manual_ms"]) == (2.0, None, 0.5)
    assert matrix["notes"] == "no float64: decided in bfloat16"
    assert matrix["diagnosis"] == "precision: for large: 2 elements are not finite, where the truth is"
    assert matrix["failed_checks"] == "precision"
    assert (failed["status"], failed["verdict"], failed["error"]) == (
        "failed",
        "failed",
        JUDGEMENTS[-1].error,
    )
    assert (scalar["point"], scalar["key"]) == (spec.point, spec.key)
    assert record["event"] == "failed", "a point is what its worst judgement is"


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    ledger.append(tmp_path, {"event": "sweep", "n": 1})
    with (tmp_path / ledger.NAME).open("a") as file:
        file.write('{"event":"sweep","n":')
    assert [record["n"] for record in ledger.read(tmp_path) if "n" in record] == [1]


def test_the_worst_error_over_bound_is_nan_before_infinity_before_numbers() -> None:
    worst = worst_error(ROWS)
    assert worst is not None
    assert worst["experiment"] == "c"
    assert worst_error([row for row in ROWS if row["error_over_bound"] is None]) is None


@pytest.mark.parametrize(
    ("error", "bound", "ratio"), [(1.0, 4.0, 0.25), (0.0, 0.0, 0.0), (1e-9, 0.0, math.inf)]
)
def test_an_error_is_held_to_its_bound(error: float, bound: float, ratio: float) -> None:
    assert over(error, bound) == ratio
    assert math.isnan(over(math.nan, bound))


def test_settings_are_spelled_as_they_are_typed() -> None:
    assert spelled({"m": 3, "layers": [5, 9], "on": True, "p": None}) == "m=3 layers=[5,9] on=true p=null"
