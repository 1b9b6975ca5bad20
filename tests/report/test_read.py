"""`from handgrad import read_report`."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from handgrad import BadInput, read_report
from runner.command import app
from runner.report import csv, groups
from tests.conftest import Run
from tests.report.made import cells
from tests.test_layers import ROOT


def settings(tmp_path: Path) -> pd.DataFrame:
    made = [
        ("m=20 n=5", "eps=1e-05 mode=mean"),
        ("m=3 layers=[5,9,7]", "on=true eps=null"),
        ("", "mode=a b=2"),
    ]
    csv.write(tmp_path, [cells(verdict="exact", shape=shape, params=params) for shape, params in made])
    return read_report(tmp_path, expand=True)


def test_dimensions_and_parameters_are_columns_on_request(tmp_path: Path) -> None:
    table = settings(tmp_path)
    assert table["shape.m"].tolist() == [20, 3, pd.NA]
    assert table["params.eps"].dropna().tolist() == [1e-5]
    assert table["shape.layers"].dropna().tolist() == ["[5,9,7]"]
    assert {name: str(table[name].dtype) for name in ("shape.m", "shape.n", "params.eps", "params.on")} == {
        "shape.m": "Int64", "shape.n": "Int64", "params.eps": "float64", "params.on": "boolean",
    }  # fmt: skip
    assert str(table["params.mode"].dtype).startswith("str")
    assert "shape.m" not in read_report(tmp_path)


def test_a_run_is_read_by_its_folder_its_csv_its_summary_and_its_parquet(run: Run) -> None:
    pytest.importorskip("pyarrow")
    outcome = run(
        "-m", "experiment=mse,dot_product", "dtype=float32,float64", "report.format=csv,parquet", "timing=off"
    )
    (folder,) = outcome.folders
    table = read_report(folder)
    assert len(table) == 8
    pd.testing.assert_frame_equal(read_report(folder / "report.csv"), table)
    pd.testing.assert_frame_equal(read_report(folder / "report.parquet"), table, check_dtype=True)
    summary = read_report(folder / groups.NAME)
    assert summary["rows"].tolist() == [2, 2, 2, 2]
    assert list(summary.columns) == [column.name for column in groups.COLUMNS]
    assert f"report: {folder.relative_to(Path.cwd())}/report.parquet" in outcome.out


def test_a_library_that_is_missing_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    outcome = run("experiment=mse", "timing=off", "report.format=parquet")
    assert outcome.status == 2
    assert (
        outcome.err
        == "error: report.format=parquet: needs pyarrow, an extra: pip install 'handgrad[parquet]'\n"
    )
    assert outcome.folders == []


@pytest.mark.parametrize("given", ["report.format=csv,parqet", "report.format=[parqet]"])
def test_an_unknown_format_is_named(run: Run, given: str) -> None:
    outcome = run("experiment=mse", "timing=off", given)
    assert (outcome.status, outcome.folders) == (2, [])
    assert "unknown report.format 'parqet'; did you mean 'parquet'?" in outcome.err


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv", "nowhere.parquet"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=f"{name}: No such file or directory"):
        read_report(tmp_path / name)


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    csv.write(tmp_path, [cells(verdict="exact")])
    code = "import sys, handgrad; handgrad.read_report(sys.argv[1]); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_the_format_is_translated_for_hydra() -> None:
    assert app._as_hydra_takes_it("report.format=csv,parquet") == "report.format=[csv,parquet]"
    assert app._as_hydra_takes_it("report.format=[csv]") == "report.format=[csv]"
