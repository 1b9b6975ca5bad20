"""What a person sees while a sweep runs: a bar on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from runner.report.counts import Counts
from runner.report.signs import console, counted
from runner.sweep.ledger import FINISHED
from runner.sweep.plan import Plan

Observe = Callable[[Mapping[str, Any]], None]

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_FRAMES = 0.2


class Tally:
    """What has come in so far: points, rows by verdict, and the rate."""

    def __init__(self, to_run: int) -> None:
        self.to_run, self.done = to_run, 0
        self.verdicts = Counts()
        self._began = time.monotonic()

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one finished record."""
        assert record["event"] in FINISHED
        self.done += 1
        self.verdicts.update(
            one.get("verdict") or one.get("status", "completed") for one in record["judgements"]
        )

    @property
    def rate(self) -> float:
        """Points a second since the first was begun."""
        return self.done / max(time.monotonic() - self._began, 1e-9)

    def __str__(self) -> str:
        left = (self.to_run - self.done) / self.rate if self.done else 0
        counts = counted(self.verdicts).plain
        return f"{self.done}/{self.to_run} points, {self.rate:.3g}/s, {_duration(left)} left; {counts}"


class SoFar(ProgressColumn):
    """Shows what verdicts there are so far."""

    def render(self, task: Task) -> Text:
        """Return the counts that the task was last updated with."""
        counts: Text = task.fields["counts"]
        return counts


def watching(*, quiet: bool) -> Callable[[Plan], Any]:
    """Return what a sweep is watched by: it takes the plan, and gives a context with the observer."""
    if quiet:
        return _silently
    return _bar if sys.stdout.isatty() else _lines


@contextmanager
def _silently(plan: Plan) -> Iterator[Observe]:
    yield lambda record: None


@contextmanager
def _lines(plan: Plan) -> Iterator[Observe]:
    out = console()
    out.print(str(plan), soft_wrap=True)
    tally, last = Tally(plan.to_run), time.monotonic()

    def observe(record: Mapping[str, Any]) -> None:
        nonlocal last
        tally.add(record)
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            out.print(str(tally), soft_wrap=True)

    yield observe


@contextmanager
def _bar(plan: Plan) -> Iterator[Observe]:
    out = console()
    out.print(str(plan), soft_wrap=True)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.3g}/s"),
        TimeRemainingColumn(),
    )
    tally, last = Tally(plan.to_run), 0.0
    with Progress(*columns, SoFar(), console=out, auto_refresh=False) as progress:
        bar = progress.add_task("", total=plan.to_run, rate=0.0, counts=Text())

        def show() -> None:
            counts = counted(tally.verdicts)
            progress.update(bar, completed=tally.done, rate=tally.rate, counts=counts, refresh=True)

        def observe(record: Mapping[str, Any]) -> None:
            nonlocal last
            tally.add(record)
            if time.monotonic() - last > SECONDS_BETWEEN_FRAMES:
                last = time.monotonic()
                show()

        yield observe
        show()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
