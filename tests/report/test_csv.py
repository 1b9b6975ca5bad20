"""The CSV as a contract: what is written is what is read, with its types."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runner.errors import BadInput
from runner.record import COLUMNS, GROUPS
from runner.report import contract, csv
from runner.verdicts import OUTCOMES
from tests.report.made import ROWS, cells
from tests.test_layers import ROOT


def test_the_csv_keeps_types_and_values(tmp_path: Path) -> None:
    table = csv.read(csv.write(tmp_path, ROWS))
    assert list(table.columns) == [column.name for column in COLUMNS]
    found = table.set_index("experiment")
    assert found["seed"]["a"] == 3
    assert found["error"]["b"] == ROWS[1]["error"]
    assert found["max_abs_error"]["a"] == 0.0
    assert math.isinf(found["error_over_bound"]["d"])
    assert found["started_at"]["e"] == pd.Timestamp("2026-01-02T03:04:05.678Z")
    assert ",nan," in (tmp_path / csv.NAME).read_text(), "a NaN that was measured is not an empty cell"
    assert [path.name for path in tmp_path.iterdir()] == [csv.NAME]


def test_what_is_not_right_stands_first_and_all_else_in_order(tmp_path: Path) -> None:
    assert csv.read(csv.write(tmp_path, ROWS))["experiment"].tolist() == ["b", "c", "d", "a", "e"]


@pytest.mark.parametrize("made", [[], ROWS[:1], ROWS], ids=["no rows", "one row", "rows"])
def test_types_do_not_depend_on_what_the_cells_hold(tmp_path: Path, made: list[Any]) -> None:
    table = csv.read(csv.write(tmp_path, made))
    kinds = {str: "string", int: "Int64", float: "float64", bool: "boolean"}
    for column in COLUMNS:
        kind = str(table[column.name].dtype)
        assert kind.startswith(kinds.get(column.type, "datetime64[ms, UTC]")) or column.categories, (
            column.name
        )
    for name in ("verdict", "status", "check"):
        assert table[name].cat.ordered
    pd.testing.assert_frame_equal(
        csv.typed(made), table.set_index(_order(made, table)).sort_index(), check_names=False
    )


def _order(made: list[Any], table: pd.DataFrame) -> pd.Index:
    at = {row["experiment"]: i for i, row in enumerate(made)}
    return pd.Index([at[name] for name in table["experiment"]], dtype="int64")


def test_verdicts_compare_in_their_order(tmp_path: Path) -> None:
    table = csv.read(csv.write(tmp_path, ROWS))
    assert table[table["verdict"] >= "suspect_reference"]["experiment"].tolist() == ["b", "c", "d"]
    assert table["verdict"].cat.categories.tolist() == [*OUTCOMES]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "'=1", "''", "'", "it's", "\t=1", "=", "-"])
def test_a_spreadsheet_runs_no_cell_and_reading_gives_it_back(tmp_path: Path, text: str) -> None:
    path = csv.write(tmp_path, [cells(experiment="a", verdict="exact", notes=text)])
    table = csv.read(path)
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)["notes"][0]
    assert raw[0] not in "=+-@\t\r"
    assert table["notes"][0] == text


def test_figures_are_read_back_to_the_last_bit(tmp_path: Path) -> None:
    figures = [0.1, 1 / 3, 2.0**-1074, 1.7976931348623157e308, -0.0, 3.8146973e-06, 123456789.123456789]
    rows = [cells(verdict="exact", truth_error=figure) for figure in figures]
    read = csv.read(csv.write(tmp_path, rows))["truth_error"]
    assert [value.hex() for value in read] == [figure.hex() for figure in figures]


def test_a_report_of_another_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / csv.NAME
    path.write_text(
        "experiment,status,verdict,derivation,seed,older\nmse,failed,,residual,3,'=x\nmse,completed,novel,d,,y\n"
    )
    table = csv.read(path)
    assert table["verdict"].tolist() == ["failed", "novel"], "what had no verdict has its status for one"
    assert table["older"].tolist() == ["=x", "y"]
    assert list(table.columns) == [*(column.name for column in COLUMNS), "older"]
    assert table["bound"].isna().all()
    assert table["seed"].tolist() == [3, pd.NA]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\xff"])
def test_what_is_no_report_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadInput, match=r"other\.csv: is no report of handgrad"):
        csv.read(path)


def test_the_document_is_the_definition() -> None:
    assert (ROOT / "docs/report.md").read_text() == contract.document(), "make docs"


def test_what_a_reviewer_asks_first_stands_first() -> None:
    assert [column.name for column in COLUMNS][:6] == [
        "experiment", "derivation", "wrt", "dtype", "verdict", "diagnosis",
    ]  # fmt: skip
    assert len({column.name for column in COLUMNS}) == sum(map(len, GROUPS.values()))
