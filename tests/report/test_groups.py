"""`summary.csv`: worst verdicts and errors, and times that count once for each point."""

import math
from pathlib import Path
from typing import Any

from runner.report import csv, groups
from runner.report.groups import Groups
from tests.report.made import cells

Rows = list[dict[str, Any]]


def point(
    verdicts: str, times: list[float | None], *, derivation: str = "d", **filled: Any
) -> list[dict[str, Any]]:
    """Return the rows of one point, a gradient for each verdict; figures are text, as a ledger's are."""
    pairs = zip(verdicts.split(), times, strict=True)
    return [
        cells(
            formula="f",
            derivation=derivation,
            dtype="float32",
            verdict=verdict,
            manual_ms="2.0",
            speedup=speedup,
            **filled,
        )
        for verdict, speedup in pairs
    ]


def summary(*points: Rows) -> Rows:
    found = Groups()
    for rows in points:
        found.add(rows)
    return found.rows()


def test_a_time_counts_once_for_each_point() -> None:
    many = point("exact exact exact", [3.0, 3.0, 3.0])
    one, two = point("exact", [1.0]), point("exact", [2.0])
    (row,) = summary(many, one, two)
    assert (row["points"], row["rows"], row["speedup"]) == (3, 5, 2.0)
    assert row["manual_ms"] == 2.0


def test_a_derivation_with_a_wrong_gradient_has_no_speedup() -> None:
    (row,) = summary(point("exact wrong", [9.0, None]), point("exact exact", [2.0, 2.0]))
    assert (row["speedup"], row["verdict"], row["not_right"]) == (2.0, "wrong", 1)
    (alone,) = summary(point("exact wrong", [9.0, None]))
    assert alone["speedup"] is None


def test_the_worst_error_is_nan_before_infinity_before_numbers() -> None:
    points = [
        point("correct", [1.0], error_over_bound=size, point=f"p{size}", max_abs_error=str(size))
        for size in (0.5, math.inf, 3.0)
    ]
    (row,) = summary(*points)
    assert (row["error_over_bound"], row["max_abs_error"], row["worst_point"]) == (math.inf, math.inf, "pinf")
    (row,) = summary(*points, point("wrong", [None], error_over_bound=math.nan, point="pnan"))
    assert math.isnan(row["error_over_bound"])
    assert (row["worst_point"], row["points"]) == ("pnan", 4)


def test_what_is_not_right_stands_first_with_its_diagnosis(tmp_path: Path) -> None:
    rows = summary(
        point("exact", [1.0], derivation="a"),
        point("unsupported", [None], derivation="b"),
        point("invalid", [None], derivation="c", diagnosis="=transposed"),
        point("failed", [None], derivation="", error="ValueError: no"),
    )
    assert [row["derivation"] for row in rows] == ["c", "", "a", "b"]
    table = csv.read(groups.write(tmp_path, rows), groups.COLUMNS)
    assert table["diagnosis"].tolist() == ["=transposed", "ValueError: no", "", ""]
    assert table["verdict"].tolist() == ["invalid", "failed", "exact", "unsupported"]
    assert table["not_right"].tolist() == [1, 1, 0, 0]
