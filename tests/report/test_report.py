"""Rows survive the way to the ledger, to the CSV, and back."""

import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from runner.record import Row, columns, from_cells, spelled
from runner.report import csv, table
from runner.report.summary import Summary, worst_error
from runner.sweep import ledger
from runner.sweep.job import cells, packed

ROWS = [
    Row(experiment="a", verdict="exact", max_abs_error=0.0, seed=3, key="1", dtype="float32"),
    Row(experiment="b", status="failed", error='a comma, a "quote"\nand a line', git_dirty=True),
    Row(experiment="c", verdict="wrong", max_abs_error=math.nan, nonfinite=2, worst_index="[0,1]", key="2"),
    Row(experiment="d", verdict="wrong", max_abs_error=math.inf, key="3"),
]


def same(one: Row, other: Row) -> bool:
    return repr(one) == repr(other)


def test_a_row_survives_the_ledger(tmp_path: Path) -> None:
    for row in ROWS:
        ledger.append(tmp_path, {"event": "completed", **packed([row], 0.0)})
    for read in (json.loads, ledger.AS_WRITTEN):
        lines = (tmp_path / ledger.NAME).read_bytes().splitlines(keepends=True)
        found = [from_cells(row) for line in lines for row in cells(ledger.parsed(line, read) or {})]
        assert len(found) == len(ROWS)
        assert all(map(same, found, ROWS))


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    ledger.append(tmp_path, {"rows": []})
    with (tmp_path / ledger.NAME).open("a") as file:
        file.write('{"rows": [{"experim')
    assert len([*ledger.read(tmp_path)]) == 1


def test_the_csv_keeps_order_types_and_values(tmp_path: Path) -> None:
    read = csv.read(csv.write(tmp_path, map(vars, ROWS)))
    assert list(read.columns) == list(columns())
    assert read["experiment"].tolist() == ["a", "b", "c", "d"]
    assert read["seed"].tolist()[0] == 3
    assert read["error"].tolist()[1] == ROWS[1].error
    assert read["max_abs_error"].tolist()[0] == 0.0
    assert math.isinf(read["max_abs_error"].tolist()[3])
    text = (tmp_path / csv.NAME).read_text()
    assert ",nan," in text, "a NaN that was measured is not an empty cell"
    assert [path.name for path in tmp_path.iterdir()] == [csv.NAME]


def test_the_first_columns_are_what_a_reviewer_wants() -> None:
    names = list(columns())
    assert names[:4] == ["experiment", "formula", "derivation", "wrt"]
    assert (
        names.index("verdict") < names.index("max_abs_error") < names.index("manual_ms") < names.index("key")
    )


def test_the_largest_error_is_nan_before_infinity_before_numbers() -> None:
    worst = worst_error(map(vars, ROWS))
    assert worst is not None
    assert worst["experiment"] == "c"


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []])
def test_the_table_prints_every_row_and_what_went_wrong(rows: list[Row]) -> None:
    out = Console(file=io.StringIO(), width=160)
    table.print_rows(rows, out)
    summary = Summary("suspect_reference")
    summary.add({}, [*map(vars, rows)])
    table.print_summary(summary, Path("report.csv"), out)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert all(row.experiment in text for row in rows)
    assert f"{len(rows)} row{'' if len(rows) == 1 else 's'}: " in text
    assert ("a comma" in text) == (len(rows) > 1)


def test_settings_are_spelled_as_they_are_typed() -> None:
    assert spelled({"m": 3, "layers": [5, 9], "on": True, "p": None}) == "m=3 layers=[5,9] on=true p=null"
