"""The figures for papers: what is drawn of a report, in files that a journal takes."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from runner.clock.growth import fitted
from runner.command import report
from runner.command.tree import parsed
from runner.errors import UserError
from runner.report.figures import draw
from runner.report.figures import write as figures
from runner.report.page.read import Report
from runner.report.plots import Plot, Series, costs, speeds
from tests.report.made import cells
from tests.report.page.made import folder

COLUMN_MM = 85
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return figures.write(Report.read(folder(tmp_path_factory.mktemp("report"))))


def words(path: Path) -> list[str]:
    return ["".join(text.itertext()).strip() for text in ElementTree.parse(path).iter(f"{SVG}text")]


def test_each_figure_is_there_as_svg_and_as_png(made: Path) -> None:
    names = {path.stem for path in made.iterdir()}
    assert {path.name for path in made.iterdir()} == {f"{n}.{end}" for n in names for end in ("svg", "png")}
    derivations = ("mse-residual", "linear_mse-outer_product", "linear_mse-jacobian")
    assert names == {
        "verdicts", "speedup", "error-float32", "error-bfloat16",
        *(f"{what}-{who}-{dtype}" for what in ("time", "memory") for who in derivations
          for dtype in ("float32", "bfloat16")),
    }  # fmt: skip


def test_a_figure_is_as_wide_as_a_column_and_its_text_is_text(made: Path) -> None:
    for path in made.glob("*.svg"):
        width = re.fullmatch(r"([\d.]+)pt", ElementTree.parse(path).getroot().attrib["width"])
        assert width
        assert float(width[1]) * 25.4 / 72 == pytest.approx(COLUMN_MM, abs=0.2)
        assert words(path)
    for path in made.glob("*.png"):
        header = path.read_bytes()[:24]
        assert header[1:4] == b"PNG"
        assert int.from_bytes(header[16:20]) == 3.35 * 400


def test_the_map_has_a_sign_and_a_word_beside_each_colour(made: Path) -> None:
    found = words(made / "verdicts.svg")
    assert {"mse", "linear_mse", "float32", "bfloat16", "! failed"} <= {*found}
    assert sum(text.split()[0] in ("✓", "✗", "!") for text in found) == 4


def test_time_has_its_limit_and_its_fitted_growth(made: Path) -> None:
    found = words(made / "time-linear_mse-outer_product-float32.svg")
    assert {"linear_mse outer_product float32", "manual", "autograd", "limit of the machine"} <= {*found}
    assert any(re.fullmatch(r"growth, exponent -?\d\.\d\d", text) for text in found)
    assert {"operations", "time, ms"} <= {*found}


FEW = ("verdicts", "speedup", "error-float32", "time-mse-residual-float32", "memory-mse-residual-float32")


def test_the_command_draws_them_when_asked_and_the_same_files_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, drawn = folder(tmp_path, changed=False, points=4), tmp_path / "figures"
    report.main(parsed("report", [str(small), "--format", "csv"]))
    assert not drawn.exists()
    report.main(parsed("report", [str(small), "--format", "csv", "--figures"]))
    assert f"report: {drawn}" in capsys.readouterr().out
    before = {path.name: path.read_bytes() for path in drawn.iterdir()}
    assert {*before} == {f"{name}.{ending}" for name in FEW for ending in ("svg", "png")}
    figures.write(Report.read(small))
    assert {path.name: path.read_bytes() for path in drawn.iterdir()} == before


def row(size: int, **filled: Any) -> dict[str, Any]:
    usual = {"formula": "f", "derivation": "d", "dtype": "float32", "execution": "eager", "verdict": "exact"}
    times = {"manual_ms": 3e-3 * size**1.5, "autograd_ms": 1.0, "peak_memory_mb": 0.5}
    return cells(**usual, **times, shape=f"n={size}", point=f"p{size}", operations=size, **filled)


def test_growth_is_fitted_through_the_larger_half() -> None:
    time, memory = costs([row(size) for size in (1, 10, 100, 1000, 10_000)])
    (fit,) = (series for series in time.series if series.style == "fit")
    assert fit.name == "growth, exponent 1.50"
    (first, at_first), (last, at_last) = fit.points
    assert (first, last) == (100.0, 10_000.0)
    assert at_first == pytest.approx(3.0)
    assert at_last == pytest.approx(3000.0)
    assert (time.heading, time.y) == ("f d float32: time", "time, ms")
    assert [series.name for series in memory.series] == ["manual", "autograd", "growth, exponent 0.00"]
    assert fitted({1.0: 2.0, 2.0: 4.0, 4.0: 8.0}) is None, "three sizes are too few"
    assert not [*costs([row(1), row(2)])]


def test_a_line_goes_through_the_median_at_each_size() -> None:
    series = Series(
        "manual", "mine", [(1.0, 5.0), (1.0, 1.0), (1.0, 2.0), (2.0, 4.0), (0.0, 1.0)], joined=True
    )
    assert series.medians() == [(1.0, 2.0), (2.0, 4.0)]
    figure = draw.lines(Plot("time", "f", "x", "y", [series]))
    line, dots = figure.axes[0].lines
    assert np.asarray(line.get_ydata()).tolist() == [2.0, 4.0]
    assert np.asarray(dots.get_ydata()).size == 4


def test_speedups_are_drawn_with_their_intervals_and_of_many_there_are_pages() -> None:
    rows = [
        row(n, speedup=2.0, speedup_low=1.0, speedup_high=4.0) | {"formula": f"f{n:03}"}
        for n in range(1, 101)
    ]
    found = speeds(rows)
    assert [len(part) for part in draw.pages([one.derivation for one in found], 45)] == [45, 45, 10]
    axes = draw.speedups(found[:45]).axes[0]
    low, high = axes.get_xlim()
    assert low <= 1.0 < 4.0 <= high
    assert len(axes.get_yticks()) == 45
    bars = axes.collections[0]
    assert isinstance(bars, LineCollection)
    assert np.asarray(bars.get_segments())[0, :, 0].tolist() == [1.0, 4.0]


def test_without_matplotlib_it_says_what_to_install(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--figures: needs matplotlib, .* pip install 'handgrad\[figures\]'"):
        report.main(parsed("report", [str(made.parent), "--figures"]))
