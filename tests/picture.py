"""Makes the picture of a report that README shows: a real sweep, its page, and a browser that looks at it."""

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from runner.environment import ROOT
from runner.report.page.write import NAME
from tests.report.page.test_browser import CHROMIUM, QUIET

PLACE = ROOT / "docs" / "report.png"
SETTINGS = ["enlarge=1,2,4", "dtype=float32,bfloat16", "threads=1", "quiet=true"]
SWEEPS = (
    ["experiment=layer_norm,softmax,variance_offset,conv2d,cross_entropy,mlp", *SETTINGS],
    ["formula=doubled", "plugins=[tests/doubled.py]", *SETTINGS],
)


def main() -> None:
    """Write the picture; the formula `doubled` is wrong, so that there is something to look at."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "before-the-merge")
        for sweep in SWEEPS:
            command = [sys.executable, "-m", "runner", "-m", *sweep, f"hydra.sweep.dir={folder}"]
            subprocess.run(command, cwd=ROOT, check=False)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            page = browser.new_page(viewport={"width": 1100, "height": 1000})
            page.goto((folder / NAME).as_uri())
            page.wait_for_function("document.documentElement.dataset.ready === 'true'")
            page.screenshot(path=PLACE)
            browser.close()
    print(PLACE.relative_to(ROOT))


if __name__ == "__main__":
    main()
