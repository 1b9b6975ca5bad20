"""What a terminal shows: what matters most whole at any width, each cause once, the worst first."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from runner.report import closing, table
from runner.report.closing import Sweep, print_report
from runner.report.overview import MOST_LINES, print_overview
from runner.report.signs import LOOKS, shown
from runner.report.summary import Summary
from runner.report.table import print_rows, two_digits
from runner.verdicts import OUTCOMES
from tests.report.made import ROWS, cells

LONG = "two_layer_network"
TIMES = {"manual_ms": 0.01, "manual_iqr_ms": 0.0001, "autograd_ms": 0.2, "autograd_iqr_ms": 0.19}


def terminal(width: int, encoding: str = "utf-8") -> Console:
    return Console(file=io.TextIOWrapper(io.BytesIO(), encoding), width=width, markup=False, highlight=False)


def text(out: Console) -> str:
    assert isinstance(out.file, io.TextIOWrapper)
    out.file.flush()
    assert isinstance(out.file.buffer, io.BytesIO)
    return out.file.buffer.getvalue().decode(out.file.encoding)


def row(verdict: str, **filled: Any) -> dict[str, Any]:
    usual = {"experiment": LONG, "formula": LONG, "derivation": "saved_statistics", "wrt": "weight_long"}
    return cells(**{**usual, "dtype": "float32", "key": "k", **filled}, verdict=verdict)


def report(points: Sequence[Sequence[dict[str, Any]]], width: int, *, is_sweep: bool = True) -> str:
    summary, out = Summary("suspect_reference"), terminal(width)
    for i, rows in enumerate(points):
        summary.add({"overrides": [f"experiment={rows[0]['experiment']}", f"seed={i}"]}, rows)
    print_report(summary, [Path("report.csv")], Sweep(is_sweep, None, quiet=False), out)
    return text(out)


@pytest.mark.parametrize("width", [30, 60, 80, 100, 120, 160])
@pytest.mark.parametrize("verdict", OUTCOMES)
def test_experiment_wrt_and_verdict_are_never_cut(width: int, verdict: str) -> None:
    out = terminal(width)
    print_rows([row(verdict, **TIMES, seed=3, max_abs_error=1e-9, peak_memory_mb=3.0)], out)
    printed = text(out)
    assert all(word in printed.split() for word in (LONG, "weight_long", verdict))
    assert "…" not in printed
    needed = len(LONG) + len("weight_long") + len(verdict) + 15
    assert max(map(len, printed.splitlines())) <= max(width, needed)


def test_what_matters_least_is_left_out_first() -> None:
    headings = []
    for width in (160, 100, 80, 60):
        out = terminal(width)
        print_rows([row("exact", **TIMES, speedup=20.0, max_abs_error=0.0, gradient_shape="5x1")], out)
        headings.append(text(out))
    assert ["gradient" in printed for printed in headings] == [True, False, False, False]
    assert ["manual ms" in printed for printed in headings] == [True, True, False, False]
    assert ["max abs error" in printed for printed in headings] == [True, True, True, False]
    assert all("derivation" in printed for printed in headings[:3])


def test_an_empty_column_is_not_shown() -> None:
    out = terminal(160)
    print_rows([row("exact"), row("exact", seed=4)], out)
    assert text(out).split("\n")[1].split() == ["experiment", "derivation", "wrt", "seed", "verdict"]


@pytest.mark.parametrize(
    ("filled", "written"),
    [
        ({"speedup": 23.8, "speedup_low": 23.0, "speedup_high": 24.6}, "23.80x"),
        ({"speedup": 23.8, "speedup_low": 9.0, "speedup_high": 40.0}, "~24x"),
        ({"speedup": 23.8, "noisy": True}, "~24x"),
        ({"speedup": 0.05, "noisy": False}, "0.05x"),
        ({"speedup": 2.0, "noisy": True}, "~2.0x"),
        (
            {"speedup": 220.1, "speedup_low": 219.0, "speedup_high": 221.0, "timing": "quick preempted"},
            "~220x",
        ),
        ({}, ""),
    ],
)
def test_a_speedup_has_no_more_digits_than_its_spread_leaves(filled: dict[str, Any], written: str) -> None:
    assert table._speedup(cells(**filled)) == written


def test_a_time_of_wide_spread_is_marked() -> None:
    out = terminal(160)
    print_rows([row("exact", **TIMES)], out)
    assert {"0.0100", "~0.20"} <= {*text(out).split()}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.00512, "0.0051"),
        (2.0, "2.0"),
        (23.8, "24"),
        (167.0, "170"),
        (0.0, "0"),
        (9.96, "10"),
        (1e-5, "0.000010"),
    ],
)
def test_two_digits(value: float, written: str) -> None:
    assert two_digits(value) == written


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_a_verdict_has_a_sign_in_every_encoding(encoding: str) -> None:
    out = terminal(80, encoding)
    print_rows([row(verdict) for verdict in OUTCOMES], out)
    printed = text(out)
    for verdict, look in LOOKS.items():
        sign = look.sign if encoding == "utf-8" else look.plain
        assert re.search(rf" {re.escape(sign)} {verdict}\b", printed), printed
        assert shown(verdict, out).style == look.style
    assert {*LOOKS} == {*OUTCOMES}


def test_a_cause_is_told_once_with_one_command() -> None:
    points = [
        [
            row("wrong", wrt="x", diagnosis=f"off by a factor of 1/{n}", seed=n),
            row("wrong", wrt="w", diagnosis=f"off by a factor of 1/{n}", dtype="bfloat16"),
            row("exact", wrt="b"),
            row("failed", derivation="other", wrt="", error="ValueError: no (cube.py:31)"),
        ]
        for n in range(2, 502)
    ]  # fmt: skip
    printed = report(points, 100)
    assert "1,500 rows to look at, 2 causes:" in printed
    assert printed.count("off by a factor of") == printed.count("ValueError: no") == 1
    first = f"✗ wrong: {LONG} saved_statistics x, w (1,000 rows in 500 points; float32, bfloat16)"
    assert f"{first}: off by a factor of 1/2\n      " in printed
    assert printed.count("seed=0\n") == 2
    assert printed.index("! failed") < printed.index("✗ wrong: ")


def test_formulas_with_one_cause_each_are_told_apart_and_the_rest_counted() -> None:
    points = [[row("wrong", experiment=f"f{n}", diagnosis="no simple explanation")] for n in range(30)]
    printed = report(points, 80)
    assert printed.count("no simple explanation") == closing.MOST_LISTED
    assert "  20 other causes, in 20 rows: these stand first in the report\n" in printed


def test_a_sweep_of_many_formulas_ends_with_what_is_not_right() -> None:
    points = [
        [row("wrong" if n == 70 else "correct", formula=f"f{n}", dtype=dtype, error_over_bound=n / 100)]
        for n in range(100)
        for dtype in ("float32", "bfloat16")
    ]
    printed = report(points, 80)
    assert [line.split()[0] for line in printed.splitlines() if re.match(r" f\d+ ", line)] == ["f70", "f70"]
    assert "and 198 more: 198 correct\n" in printed


def test_the_worst_formula_stands_first() -> None:
    summary, out = Summary("suspect_reference"), terminal(100)
    for verdict, formula, over in (
        ("exact", "a", 0.1), ("invalid", "b", 0.2), ("exact", "c", 0.9), ("wrong", "d", None),
        ("invalid", "b", 3.0),
    ):  # fmt: skip
        summary.add({}, [row(verdict, formula=formula, error_over_bound=over)])
    print_overview(summary.groups, out)
    found = [line.split() for line in text(out).splitlines() if re.match(r" [a-d] ", line)]
    assert [line[0] for line in found] == ["d", "b", "c", "a"]
    assert found[1] == ["b", "float32", "✗", "invalid", "2/2", "3"]
    assert len(found) < MOST_LINES


def test_the_last_line_is_the_worst_error_over_its_bound() -> None:
    points = [
        [row("correct", max_abs_error=20.0, error_over_bound=0.5, shape="n=3", seed=1, dtype="bfloat16")],
        [row("correct", max_abs_error=1e-9, error_over_bound=0.75, shape="n=3", seed=2)],
    ]
    last = report(points, 80).splitlines()[-1]
    assert last == f"worst error over bound: 0.75 ({LONG} saved_statistics weight_long, n=3, float32, seed 2)"


@pytest.mark.parametrize("is_sweep", [True, False])
@pytest.mark.parametrize("made", [[], [ROWS[:1]], [ROWS], [[row("exact", seed=n)] for n in range(10_000)]])
def test_any_number_of_rows(made: Any, is_sweep: bool) -> None:
    printed = report(made, 80, is_sweep=is_sweep)
    count = sum(map(len, made))
    assert f"{count:,} row{'' if count == 1 else 's'}: " in printed
    assert len(printed.splitlines()) < 40
    assert ("a comma" in printed) == (count == len(ROWS))


@pytest.mark.parametrize(
    ("notes", "printed"),
    [
        (("computes in float32", "computes in float32"), ["note: computes in float32"]),
        (("", "no derivative by x"), ["note (backward w): no derivative by x"]),
        (("a", "b"), ["note (backward x): a", "note (backward w): b"]),
        (("", ""), []),
    ],
)
def test_a_single_run_prints_its_notes_and_a_sweep_leaves_them_to_the_csv(
    notes: tuple[str, str], printed: list[str]
) -> None:
    both = zip("xw", notes, strict=True)
    rows = [row("exact", derivation="backward", wrt=wrt, notes=note) for wrt, note in both]
    found = [line for line in report([rows], 160, is_sweep=False).splitlines() if line.startswith("note")]
    assert found == printed
    assert "note" not in report([rows], 160)
