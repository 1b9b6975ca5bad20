"""The door for test files: cases, a failure that says how it is run again, and a report of a whole run."""

import subprocess
import sys
from pathlib import Path

import pytest

import handgrad
from runner.report import csv

FILE = """
import torch
import handgrad


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * x * w

    @staticmethod
    def backward(ctx, grad_y):
        x, w = ctx.saved_tensors
        return 2 * grad_y * x * w, (grad_y * x * x).sum(0)[:8].repeat(len(w))[: len(w)]


@handgrad.cases(shapes=[{"x": (4, 8), "w": (8,)}, {"x": (3, 9), "w": (9,)}], dtypes=["float32", torch.bfloat16])
def test_square(x, w):
    assert x.dtype == w.dtype
    handgrad.assert_gradients(Square, lambda x, w: x * x * w, x, w, check="quick")
"""  # noqa: E501


@pytest.mark.parametrize("processes", [0, 2])
def test_a_run_of_tests_makes_one_report(tmp_path: Path, processes: int) -> None:
    (tmp_path / "test_square.py").write_text(FILE)
    options = ["-p", "no:cacheprovider", "-n", str(processes), "--handgrad-report=rows"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    assert "2 failed, 2 passed" in done.stdout
    assert "again: pytest 'test_square.py::test_square[x=3x9 w=9 bfloat16 seed=0]'" in done.stdout
    assert f"gradients: {tmp_path / 'rows' / 'report.csv'}" in done.stdout
    page = (tmp_path / "rows" / "report.html").read_text()
    assert "What is not right" in page
    assert "pytest " in page[page.index('id="look"') : page.index('id="map"')]
    rows = csv.read(tmp_path / "rows" / "report.csv")
    assert [*rows["experiment"].unique()] == [
        f"test_square.py::test_square[x={rows}x{n} w={n} {dtype} seed=0]"
        for rows, n in ((3, 9), (4, 8))
        for dtype in ("bfloat16", "float32")
    ]
    assert len(rows) == 8
    wrong = rows[rows["verdict"] == "wrong"]
    assert {*wrong["wrt"]} == {"w"}
    assert {*wrong["gradient_shape"]} == {"9"}
    assert {path.name for path in (tmp_path / "rows").iterdir()} == {
        "report.csv",
        "report.html",
        "environment.json",
    }


def test_cases_that_make_no_sense_are_refused() -> None:
    with pytest.raises(handgrad.BadInput, match="sizes of the same tensors"):
        handgrad.cases(shapes=[{"x": (2,)}, {"y": (2,)}])
    with pytest.raises(handgrad.BadInput, match="unknown dtype 'float31'"):
        handgrad.cases(shapes=[{"x": (2,)}], dtypes=["float31"])
    with pytest.raises(handgrad.BadInput, match="unknown distribution 'norml'; did you mean 'normal'"):
        handgrad.cases(shapes=[{"x": (2,)}], distribution="norml")
