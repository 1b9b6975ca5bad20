"""A page in a real browser: seconds until it can be used, and of the slowest sort."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import sync_playwright

from tests.report.page.test_browser import CHROMIUM, QUIET

CLICK = """place => new Promise(done => {
    const began = performance.now();
    document.querySelectorAll("#table thead button")[place].click();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
})"""
"""Clicks a heading, and waits until the rows are drawn; milliseconds."""


def browsed(path: Path) -> dict[str, Any]:
    """Return what a reader waits for, and what the page computes meanwhile; nothing without a browser."""
    if CHROMIUM is None:
        return dict.fromkeys(("usable_s", "usable_cpu_s", "sort_s", "sort_cpu_s"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page, began, computed = browser.new_page(), time.perf_counter(), _computed()
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready === 'true'")
        usable, usable_cpu = time.perf_counter() - began, _computed() - computed
        headings = page.locator("#table thead button").count()
        sorts = [_sorted(page, place) for place in range(headings) for _ in ("up", "down")]
        browser.close()
    slowest, most = (max(figures, default=0.0) for figures in zip(*sorts, strict=True)) if sorts else (0, 0)
    figures = {"usable_s": usable, "usable_cpu_s": usable_cpu, "sort_s": slowest, "sort_cpu_s": most}
    return {name: round(figure, 2) for name, figure in figures.items()}


def _sorted(page: Any, place: int) -> tuple[float, float]:
    computed = _computed()
    waited = page.evaluate(CLICK, place) / 1000
    return waited, _computed() - computed


def _computed() -> float:
    """Return the processor's seconds of all pages: on a machine that others use they say more."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "--type=renderer" in process.cmdline():
                times = process.cpu_times()
                total += times.user + times.system
    return total
