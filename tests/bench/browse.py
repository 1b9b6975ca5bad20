"""A page in a real browser: seconds until it can be used, and of the slowest sort."""

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.report.page.test_browser import CHROMIUM, QUIET

CLICK = """place => new Promise(done => {
    const began = performance.now();
    document.querySelectorAll("#table thead button")[place].click();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
})"""
"""Clicks a heading, and waits until the rows are drawn; milliseconds."""


def browsed(path: Path) -> dict[str, Any]:
    """Return what a reader waits for; nothing where there is no browser."""
    if CHROMIUM is None:
        return {"usable_s": None, "sort_s": None}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page, began = browser.new_page(), time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready === 'true'")
        usable = time.perf_counter() - began
        headings = page.locator("#table thead button").count()
        sorts = [page.evaluate(CLICK, place) for place in range(headings) for _ in ("up", "down")]
        browser.close()
    return {"usable_s": round(usable, 2), "sort_s": round(max(sorts) / 1000, 2) if sorts else None}
