"""The page in a real browser: from disk, by mouse and by keyboard, wide and narrow, light and dark."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.report.page.made import SCRIPT, compared, folder, written

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium: Debian's package of that name"
)
QUIET = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ROWS = 52


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(folder(tmp_path_factory.mktemp("report"))).as_uri()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> str:
    return compared(tmp_path_factory.mktemp("compared")).as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    yield from opened(browser, address)


def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """Open the page, and fail for whatever it asks the network for or says on the console."""
    context = browser.new_context(**options)
    page, odd = context.new_page(), []
    page.on("console", lambda message: odd.append(message.text))
    page.on("pageerror", lambda error: odd.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:")) else odd.append(request.url),
    )
    page.goto(address)
    page.wait_for_function("document.documentElement.dataset.ready === 'true'", timeout=20_000)
    yield page
    assert page.title().startswith("handgrad"), "no script but the page's own has run"
    context.close()
    assert odd == []


def cells(page: Any, column: str) -> list[str]:
    heads = [text.strip(" ▾▴") for text in page.locator("#table thead th").all_inner_texts()]
    place = heads.index(column) + 1
    found: list[str] = page.locator(f"#table tbody td:nth-child({place})").all_inner_texts()
    return found


def status(page: Any) -> str:
    text: str = page.locator("#status").inner_text()
    return text


def test_it_opens_from_disk_with_every_row(page: Any) -> None:
    assert status(page) == f"{ROWS} of {ROWS} rows"
    assert page.locator("#plain").is_hidden()
    assert len(cells(page, "verdict")) == 50
    page.locator("#next").click()
    assert len(cells(page, "verdict")) == 2


def test_a_click_on_a_head_sorts_and_the_address_says_so(page: Any) -> None:
    head = page.get_by_role("button", name="max abs error")
    head.click()
    values = [float(text) for text in cells(page, "max abs error") if text]
    assert values == sorted(values)
    assert len({*values}) > 3
    head.click()
    values = [float(text) for text in cells(page, "max abs error") if text]
    assert values == sorted(values, reverse=True)
    assert "sort=-max_abs_error" in page.url
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_filters_and_search_and_their_address_can_be_sent(page: Any, browser: Any) -> None:
    page.locator("select[name=formula]").select_option("mse")
    assert {*cells(page, "experiment")} == {"mse"}
    page.get_by_label("Search").fill("bfloat16 residual")
    page.wait_for_function("document.getElementById('status').textContent.startsWith('8 of')")
    assert {*cells(page, "dtype")} == {"bfloat16"}
    for other in opened(browser, page.url):
        assert status(other) == f"8 of {ROWS} rows"
    page.locator("#clear").click()
    assert status(page) == f"{ROWS} of {ROWS} rows"


def test_a_cell_of_the_map_leads_to_its_rows(page: Any) -> None:
    page.locator("table.map td a").nth(1).click()
    page.wait_for_function("!document.getElementById('status').textContent.startsWith('52 of')")
    assert len({*cells(page, "dtype")}) == 1
    assert "formula=" in page.url
    assert "dtype=" in page.url


def told(page: Any) -> list[str]:
    texts: list[str] = page.locator("#map table.map td").all_inner_texts()
    return [text.strip() for text in texts]


def test_the_map_is_filtered_by_execution_and_its_address_can_be_sent(page: Any, browser: Any) -> None:
    chooser = page.locator("#map select[name=execution]")
    assert page.locator("#map select").count() == 1, "all ran on one device"
    before = told(page)
    chooser.select_option("compile")
    assert told(page) == ["not run", "not run", "! failed", "not run"]
    assert page.url.endswith("#map?execution=compile")
    for other in opened(browser, page.url):
        assert told(other) == ["not run", "not run", "! failed", "not run"]
        other.locator("#map table.map td a").click()
        assert status(other) == f"2 of {ROWS} rows"
        assert "execution=compile" in other.url
    chooser.select_option("eager")
    assert told(page)[2:] == ["✗ wrong", before[3]]
    chooser.select_option("")
    assert told(page) == before
    assert status(page) == f"{ROWS} of {ROWS} rows"


def test_a_row_opens_with_every_figure_and_its_command(page: Any) -> None:
    page.locator("select[name=verdict]").select_option("failed")
    page.locator("#table tbody tr").first.click()
    box = page.get_by_role("dialog")
    assert "<script>document.title" in box.inner_text()
    assert "python -m runner experiment=mse dtype=float32" in box.inner_text()
    page.keyboard.press("Escape")
    assert box.is_hidden()


def test_a_wrong_row_opens_with_the_listing_of_its_derivation(page: Any) -> None:
    page.locator("select[name=verdict]").select_option("wrong")
    page.locator("#table tbody tr").first.click()
    lines = page.locator("#detail .listing tr")
    assert lines.first.locator("td").all_inner_texts() == ["", "8", "= dL/dy", "0.5 u", SCRIPT]
    assert lines.last.locator("td").all_inner_texts() == ["\u2717", "9", "?", "", "    return y"]
    assert lines.last.get_attribute("class") == "is-wrong"


def test_columns_are_chosen(page: Any) -> None:
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("seed", exact=True).check()
    assert {*cells(page, "seed")} == {"42"}
    page.get_by_label("shape", exact=True).uncheck()
    assert "shape" not in page.locator("#table thead").inner_text()


def test_the_keyboard_alone_sorts_opens_and_closes(page: Any) -> None:
    head = page.get_by_role("button", name="manual ms")
    head.focus()
    page.keyboard.press("Enter")
    assert "sort=manual_ms" in page.url
    page.keyboard.press("Enter")
    assert "sort=-manual_ms" in page.url
    page.locator("#table tbody button").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_down_only_and_colours_follow_the_scheme(
    browser: Any, address: str, scheme: str
) -> None:
    size = {"width": 390, "height": 844}
    for page in opened(browser, address, viewport=size, color_scheme=scheme):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_without_javascript_and_in_print_the_first_rows_are_there(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("#plain table tbody tr").count() == ROWS
    assert page.locator("#app").is_hidden()
    context.close()
    for page in opened(browser, address):
        page.emulate_media(media="print")
        assert page.locator("#plain").is_visible()
        assert page.locator("nav").is_hidden()


def test_a_comparison_is_filtered_by_one_of_several_changes_and_opens_a_row_with_both_sides(
    browser: Any, both: str
) -> None:
    for page in opened(browser, both, viewport={"width": 390, "height": 844}):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert status(page) == "48 of 48 rows"
        page.locator("header .counts a", has_text="hungrier").click()
        assert cells(page, "change") == ["≈ less accurate ▲ hungrier"]
        assert "change=hungrier" in page.url
        page.get_by_role("button", name="new error u").click()
        assert "sort=new_error_u" in page.url
        page.locator("#table tbody tr").first.click()
        rows = page.get_by_role("dialog").locator("table tr").all_inner_texts()
        assert rows[0].split() == ["old", "new"]
        old, new = (float(text) for text in next(row for row in rows if "error u" in row).split()[-2:])
        assert new == pytest.approx(old + 7, rel=1e-3)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(both)
    assert page.locator("#plain table tbody tr").count() == 48
    context.close()


@pytest.mark.parametrize("which", ["address", "both"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Any, scheme: str, which: str, request: pytest.FixtureRequest
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for page in opened(browser, request.getfixturevalue(which), color_scheme=scheme):
        found = Axe().run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in serious] == []
