"""The plug-in for pytest: `--handgrad-report=DIR` collects every row of a test run in one report.

Until that is asked for it imports nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

NAME = "handgrad-report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("handgrad").addoption(
        "--handgrad-report",
        metavar="DIR",
        default=None,
        help="write report.csv and report.html of all gradients that the tests judge",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Listen to results, if a report is asked for."""
    if folder := config.getoption("--handgrad-report"):
        config.pluginmanager.register(Report(config, Path(folder).absolute()), NAME)


class Report:
    """Collects results in each process of a test run; the process that others work for makes the report."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        from runner.doors import collected, judge

        worker: dict[str, Any] | None = getattr(config, "workerinput", None)  # of pytest-xdist
        self._collected, self._folder, self._is_worker = collected, folder, worker is not None
        if not self._is_worker:
            collected.begin(folder)
        self._collector = collected.Collector(folder, worker["workerid"] if worker else "main")
        self._listeners = judge.listeners
        self._listeners.append(self._collector)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note which test runs."""
        self._collector.test = nodeid

    def pytest_unconfigure(self) -> None:
        """Stop listening, and make the report when all processes have ended."""
        self._listeners.remove(self._collector)
        if not self._is_worker:
            self._collected.finish(self._folder)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say where the report will be."""
        if not self._is_worker:
            terminalreporter.write_line(
                f"gradients: {self._folder / 'report.csv'}, and report.html beside it"
            )
