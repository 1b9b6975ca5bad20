"""What the page says, and that nothing that a config or an error says becomes part of it."""

import base64
import json
import re
import zlib
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from runner.formula import lookup
from runner.report.page import pages, read
from runner.report.page import write as writing
from runner.report.page.chart import Axis, chart
from runner.report.page.write import NAME
from runner.report.plots import Plot, Series
from tests.conftest import Run
from tests.registry import FORMULAS
from tests.report.page.made import SCRIPT, compared, folder, written


class Tags(HTMLParser):
    """Collects what stands in a page: tags, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.refers: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.refers += [str(given[name]) for name in ("src", "href") if given.get(name)]
        self.ids += [str(given["id"])] if given.get("id") else []


def parsed(path: Path) -> tuple[str, Tags]:
    text, tags = path.read_text(), Tags()
    tags.feed(text)
    return text, tags


def rows_of(text: str) -> dict[str, Any]:
    found = re.search(r'id="data">([^<]*)<', text)
    assert found
    data: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(found[1])))
    return data


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(folder(tmp_path_factory.mktemp("report")))


def test_it_is_one_file_that_refers_to_nothing_else(page: Path) -> None:
    text, tags = parsed(page)
    assert {to for to in tags.refers if not to.startswith("#")} == {"data:,"}
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", text.split("<main>")[0])
    assert len(tags.ids) == len({*tags.ids})
    assert {to[1:].partition("?")[0] for to in tags.refers if to.startswith("#")} <= {*tags.ids}


def test_what_an_error_says_stays_text(page: Path) -> None:
    text, tags = parsed(page)
    assert tags.tags.count("script") == 3, "the rows, what the script is told, and the page's own"
    assert "img" not in tags.tags
    assert SCRIPT not in text
    assert "&lt;script&gt;document.title" in text
    cells = {column["name"]: column for column in rows_of(text)["columns"]}
    assert SCRIPT in cells["error"]["texts"], "it is all there, in the packed rows"


def test_what_is_not_right_stands_first_with_its_command(page: Path) -> None:
    text, _ = parsed(page)
    look = text[text.index('id="look"') : text.index('id="map"')]
    assert look.index("failed") < look.index("wrong")
    assert "python -m runner experiment=mse dtype=float32" in look
    assert re.search(r"failed</span>|failed <b>1</b>", text)
    assert text.index('id="look"') < text.index('id="map"') < text.index('id="rows"')


def test_every_row_and_every_filled_column_is_there(page: Path) -> None:
    data = rows_of(parsed(page)[0])
    assert data["rows"] == 2 * (4 * 2 + 4 * 4) + 2 + 2
    names = [column["name"] for column in data["columns"]]
    assert names[:5] == ["experiment", "derivation", "wrt", "dtype", "verdict"]
    assert names[-1] == "command"
    for column in data["columns"]:
        cells = column["cells"] if "texts" in column else column["figures"]
        assert len(cells) == data["rows"]
        assert column["meaning"]


def test_formulas_have_their_mathematics_source_and_code(page: Path) -> None:
    text, tags = parsed(page)
    assert tags.tags.count("math") == 2
    assert 'id="formula-linear_mse"' in text
    assert "register(" in text


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        (r"\mathrm{softmax}(x)_i", ["softmax", "x", "i"]),
        (r"\mathrm{rms\_norm}(x) \mathrm{conv2d}", ["rms&#x0005F;norm", "x", "conv2d"]),
        (r"\mathrm{sym}_{x} + \mathrm{d}x y", ["sym", "x", "&#x00064;", "x", "y"]),
        (r"\mathrm{ab}\mathrm{cd}^{\mathrm{T2}}", ["ab", "cd", "T2"]),
        ("x y", ["x", "y"]),
    ],
)
def test_a_word_in_mathematics_is_one_identifier(latex: str, words: list[str]) -> None:
    assert re.findall(r"<mi[^>]*>([^<]*)</mi>", pages._mathml(latex)) == words


def test_no_statement_spells_a_word() -> None:
    statements = [pages._mathml(lookup(name).latex) for name in FORMULAS]
    assert not [text for text in statements if re.search(rf"{pages.LETTER}{pages.LETTER}", text)]
    assert sum("<mi>softmax</mi>" in text for text in statements) >= 3


def test_what_is_no_mathematics_stays_text() -> None:
    assert not isinstance(pages._mathml("<script>}{"), Markup)


@pytest.mark.parametrize("verdict", ["exact", "wrong", "failed"])
def test_a_verdict_has_a_sign_beside_its_colour(page: Path, verdict: str) -> None:
    sign = {"exact": "✓", "wrong": "✗", "failed": "!"}[verdict]
    assert f'v-{verdict}"><span aria-hidden="true">{sign}</span> {verdict}' in parsed(page)[0]


def test_an_empty_folder_and_too_many_rows_have_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = folder(tmp_path / "many", changed=False)
    monkeypatch.setattr(read, "MOST_ROWS", 10)
    text = written(made).read_text()
    assert "48 rows are more than a page holds: these are their groups; report.csv has them all" in text
    assert 'id="data"' not in text
    text = written(folder(tmp_path / "wrong")).read_text()
    assert "52 rows are more than a page holds: these are the 3 that are not right, and below" in text
    assert rows_of(text)["rows"] == 3
    assert 'id="accuracy"' not in text, "that of the wrong ones alone would mislead"
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "ledger.jsonl").write_text('{"event":"ledger","version":3}\n')
    assert "nothing has run in this folder yet" in written(tmp_path / "none").read_text()


def test_the_map_is_filtered_where_there_is_more_than_one_device_or_execution(
    page: Path, tmp_path: Path
) -> None:
    def view(text: str) -> Any:
        found = re.search(r'id="view">(.*?)</script>', text)
        assert found
        return json.loads(found[1])

    given = view(page.read_text())["map"]
    assert {(group["device"], group["execution"]) for group in given["groups"]} == {
        ("cpu", "eager"),
        ("cpu", "compile"),
    }
    assert sum(count for group in given["groups"] for count in group["counts"].values()) == 52
    assert view(written(folder(tmp_path / "one", changed=False)).read_text())["map"] is None


def test_many_rows_keep_the_columns_that_matter(monkeypatch: pytest.MonkeyPatch, page: Path) -> None:
    monkeypatch.setattr(writing, "MOST_OF_ALL_COLUMNS", 10)
    data = rows_of(writing.html(read.Report.read(page.parent)))
    names = [column["name"] for column in data["columns"]]
    assert {*names} <= {*writing.KEY}
    assert {"verdict", "error_u", "manual_ms"} <= {*names}


def test_a_sweep_makes_the_page_and_a_single_run_when_asked(run: Run, tmp_path: Path) -> None:
    sweep = run("-m", "experiment=mse", "seed=1,2", "timing=off", "check=off")
    assert [(folder / NAME).exists() for folder in sweep.folders] == [True]
    assert f"{sweep.folders[0].relative_to(tmp_path) / NAME}" in sweep.out.replace("\n", "")
    assert "<dt>torch version</dt>" in (sweep.folders[0] / NAME).read_text(), "of this very run"
    single = run("experiment=mse", "timing=off", "check=off")
    assert not (single.folders[0] / NAME).exists()
    asked = run("experiment=mse", "timing=off", "check=off", "report.format=csv,html")
    assert (asked.folders[0] / NAME).exists()
    bare = run("-m", "experiment=mse", "seed=1,2", "timing=off", "check=off", "report.format=csv")
    assert not (bare.folders[0] / NAME).exists()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compared(tmp_path_factory.mktemp("compared"))


def test_a_comparison_is_one_file_too_in_which_what_an_error_says_stays_text(both: Path) -> None:
    text, tags = parsed(both)
    assert {to for to in tags.refers if not to.startswith("#")} == {"data:,"}
    assert len(tags.ids) == len({*tags.ids})
    assert {to[1:].partition("?")[0] for to in tags.refers if to.startswith("#")} <= {*tags.ids}
    assert tags.tags.count("script") == 3
    assert "img" not in tags.tags
    assert SCRIPT not in text
    assert "completed -&gt; failed" not in text
    assert re.search(r"(exact|correct) -&gt; failed: &lt;script&gt;document.title", text)


def test_a_comparison_says_on_top_what_changed(both: Path) -> None:
    text, _ = parsed(both)
    look = text[text.index('id="look"') : text.index('id="map"')]
    headings = ["got wrong", "less accurate", "hungrier", "gone"]
    places = [look.index(f"</span> {heading} <b>") for heading in headings]
    assert places == sorted(places)
    assert "2 of these are regressions (--fail-on wrong,accuracy)." in look
    assert "linear_mse outer_product W m=40 n=5 bfloat16 seed 42" in look, "that of the point that is gone"
    cells = re.findall(r'<td class="v-failed"><a[^>]*>(.*?)</a>', text)
    (cell,) = (unescape(re.sub("<[^>]*>", "", cell)) for cell in cells)
    assert cell in ("✓ exact → ! failed", "✓ correct → ! failed")


def test_a_comparison_has_every_gradient_with_the_figures_of_both_sides(both: Path) -> None:
    data = rows_of(parsed(both)[0])
    assert data["rows"] == 2 * (4 * 2 + 4 * 4)
    columns = {column["name"]: column for column in data["columns"]}
    for column in columns.values():
        assert len(column["cells"] if "texts" in column else column["figures"]) == data["rows"]
    change = columns["change"]
    told = [change["texts"][cell] for cell in change["cells"]]
    assert told[:6] == ["got wrong", "less accurate; hungrier", *["gone"] * 4]
    assert {*told[6:]} == {"the same"}
    old, new = (columns[f"{side}_error_u"]["figures"] for side in ("old", "new"))
    assert new[1] == pytest.approx(old[1] + 7, rel=1e-5)
    assert old[2] is not None
    assert new[2] is None
    assert old[6:] == new[6:]


def test_of_a_comparison_of_too_many_gradients_those_that_changed_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MOST_ROWS", 10)
    text = compared(tmp_path).read_text()
    assert "Of 48 gradients these are the 6 that changed." in text
    assert rows_of(text)["rows"] == 6


@pytest.mark.parametrize("values", [[1.0, 1000.0], [1e-12, 1e6], [2.0, 3.0], [5.0], [0.97, 1.01, 1.02]])
def test_axes_have_few_round_ticks_that_lie_on_them(values: list[float]) -> None:
    axis = Axis.of(values, 0, 100)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 6
    assert all(f"{tick:.0e}"[0] in "125" for tick in ticks)
    assert all(0 <= axis.at(value) <= 100 for value in (*values, *ticks))
    assert Axis.of([1.0, 1000.0], 0, 100).ticks() == [1.0, 10.0, 100.0, 1000.0]


def test_a_chart_leaves_out_what_has_no_place_on_it() -> None:
    points = [(1.0, 1.0), (0.0, 1.0), (1.0, float("nan")), (1.0, float("inf")), (2.0, -1.0), (10.0, 2.0)]
    svg = chart(Plot("a <b>", "f", "x", "y", [Series("mine", "mine", points, joined=True)]))
    assert svg.count("<circle") == 2
    assert "f: a &lt;b&gt;: y against x; mine (2 points)" in svg
    assert chart(Plot("none", "f", "x", "y", [Series("mine", "mine", [(0.0, 1.0)])])) == ""
