"""What `docs/doors.md` shows runs, and prints what stands there."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import ROOT, marked_blocks

PAGE = "docs/doors.md"
SHOWN = (ROOT / PAGE).read_text().partition("<!-- printed by: function.py -->\n```\n")[2].partition("```")[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("doors")
    for name, text in marked_blocks(PAGE).items():
        (made / name).write_text(text)
    return made


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_page_prints_what_it_shows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(folder / "function.py"))
    printed = capsys.readouterr().out
    shown = [line.strip() for line in SHOWN.splitlines() if line.strip()]
    assert len(shown) == 7
    for line in shown:
        assert line in printed, printed


@pytest.mark.parametrize("name", ["others.py", "compare.py"])
def test_a_file_of_the_page_runs(folder: Path, name: str) -> None:
    runpy.run_path(str(folder / name))


def test_the_test_file_passes(folder: Path) -> None:
    done = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_square.py")
    assert "8 passed" in done.stdout, done.stdout


def test_the_commands_do_what_they_say(folder: Path) -> None:
    judged, new = marked_blocks(PAGE)["commands"].splitlines()
    done = run(folder, "-m", *judged.split())
    assert done.returncode == 1, done.stderr
    assert "the sum over axis 0 is missing" in done.stdout
    assert run(folder, "-m", *new.split()).returncode == 0
    missing = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_cube_root.py")
    assert missing.returncode == 1
    assert "write dL/dx here" in missing.stdout
    refused = run(folder, "-m", *new.split())
    assert refused.returncode == 2
    assert "exists already; nothing was written" in refused.stderr
