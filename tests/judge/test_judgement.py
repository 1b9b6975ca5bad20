"""A judgement is data: what JSON can hold, without what is empty."""

import json
import math
import pickle
from dataclasses import fields
from typing import Any

import pytest

from runner.compare import Errors
from runner.diagnose import Statement, say
from runner.judge.judgement import Checked, Judgement, Outcome, Times

NAN, INF = math.nan, math.inf

TIMES: dict[str, Any] = {
    "timing": "quick", "blocks": 2, "manual_ms": 1.0, "manual_iqr_ms": 0.1, "autograd_ms": 2.0,
    "autograd_iqr_ms": 0.2, "forward_ms": 0.5, "speedup": 2.0, "speedup_low": 1.5, "speedup_high": 2.5,
    "peak_memory_mb": 0.0, "autograd_peak_memory_mb": 0.0, "saved_mb": 0.0, "autograd_saved_mb": 0.0,
    "operations": 7, "floor_ms": 0.25, "floor_by": "memory", "efficiency": 0.5, "autograd_efficiency": 0.25,
}  # fmt: skip
MISMATCH = say("mismatch", what="dtype", received="torch.float64", expected="torch.float32")
NESTED = say("in_dtype", dtype="float64", what=MISMATCH)

FULL: dict[str, tuple[Any, Any]] = {
    "derivation": ("product", "product"),
    "kind": ("jacobian", "jacobian"),
    "wrt": ("x", "x"),
    "size": ((), []),
    "status": ("failed", "failed"),
    "verdict": ("wrong", "wrong"),
    "judged_in": ("float64", "float64"),
    "max_abs_error": (0.0, 0.0),
    "errors": (
        Errors(2.0, NAN, INF, 3.0, -0.0, 1.0, 1, (0, 1), -INF, 1.0),
        {
            "size": 2.0, "max_abs": NAN, "rel_l2": INF, "in_u": 3.0, "ulp_p50": -0.0, "ulp_p99": 1.0,
            "nonfinite": 1, "worst_index": [0, 1], "at_worst": -INF, "reference_at_worst": 1.0,
        },
    ),
    "autograd_truth_error": (NAN, NAN),
    "bound": (INF, INF),
    "failed": (("layout", "values"), ["layout", "values"]),
    "findings": (
        (Outcome(check="values", shape={"layers": [1, 2]}, ratio=0.5, broken=NESTED, verdict=None),),
        [
            {
                "check": "values", "shape": {"layers": [1, 2]}, "ratio": 0.5,
                "broken": {"say": "in_dtype", "dtype": "float64", "what": MISMATCH.as_data()},
                "verdict": None,
            },
        ],
    ),
    "checked": (
        (Checked("layout", 3, 0, None),), [{"check": "layout", "samples": 3, "failed": 0, "closest": None}],
    ),
    "notes": ((NESTED,), [{"say": "in_dtype", "dtype": "float64", "what": MISMATCH.as_data()}]),
    "diagnosis": ((MISMATCH,), [MISMATCH.as_data()]),
    "wrong_line": ("cube.py:31", "cube.py:31"),
    "digits_lost_at": ("cube.py:31", "cube.py:31"),
    "listing": ({"files": {"cube.py": [{"line": 31}]}}, {"files": {"cube.py": [{"line": 31}]}}),
    "times": (
        Times(**TIMES, noisy=False, compile_ms=None, manual_blocks_ms=(1.0, 1.5)),
        {**TIMES, "manual_blocks_ms": [1.0, 1.5]},
    ),
    "error": ("ValueError: no", "ValueError: no"),
}  # fmt: skip
"""A value of every field, and what it is as data."""


def read_back(data: Any) -> Any:
    return json.loads(json.dumps(data))


def test_every_field_has_its_example() -> None:
    assert FULL.keys() == {field.name for field in fields(Judgement)}


@pytest.mark.parametrize("name", FULL)
def test_a_field_as_data(name: str) -> None:
    value, data = FULL[name]
    found = Judgement(**{name: value}).as_data()
    assert repr(found) == repr({name: data}), "NaN and -0.0 too; no other field"
    assert repr(read_back(found)) == repr(found)


def test_all_of_a_judgement_as_data() -> None:
    found = Judgement(**{name: value for name, (value, _) in FULL.items()}).as_data()
    assert repr(found) == repr({name: data for name, (_, data) in FULL.items()})
    assert repr(read_back(found)) == repr(found)


def test_what_is_empty_is_left_out() -> None:
    assert Judgement().as_data() == {}
    assert Judgement(findings=(Outcome(check="layout"),)).as_data() == {"findings": [{"check": "layout"}]}


def test_what_is_falsy_is_not_empty() -> None:
    assert Judgement(bound=0.0, max_abs_error=0.0).as_data() == {"bound": 0.0, "max_abs_error": 0.0}


def test_what_was_pickled_is_the_same_data() -> None:
    judgement = Judgement(wrt="x", findings=(Outcome(check="layout"),))
    assert pickle.loads(pickle.dumps(judgement)).as_data() == judgement.as_data()


@pytest.mark.parametrize("statement", [MISMATCH, NESTED], ids=["plain", "nested"])
def test_a_statement_is_read_back_from_a_judgement(statement: Statement) -> None:
    (data,) = read_back(Judgement(diagnosis=(statement,)).as_data())["diagnosis"]
    assert Statement.of(data) == statement
    assert str(Statement.of(data)) == str(statement)


@pytest.mark.parametrize(
    ("broken", "verdict", "holds"),
    [(None, "invalid", True), (None, None, True), (MISMATCH, None, True), (MISMATCH, "inaccurate", False)],
)
def test_an_outcome_holds_unless_it_counts_against_the_gradient(
    broken: Statement | None, verdict: Any, holds: bool
) -> None:
    assert Outcome(check="layout", broken=broken, verdict=verdict).holds is holds
