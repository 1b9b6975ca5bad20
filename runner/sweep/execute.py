"""Run the points of a plan, in this process or on workers, and record each as it finishes."""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch

from runner.errors import UserError
from runner.sweep.attempt import attempt, warm_up
from runner.sweep.job import Job, finished, started
from runner.sweep.ledger import Ledger

Result = tuple[Job, Mapping[str, Any]]
Observe = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Execution:
    """Where the points of a sweep run, and what each may take."""

    workers: int = 0
    cluster: str | None = None
    threads: int | None = None
    timeout_s: float | None = None
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise UserError(f"workers={self.workers}: must be an integer >= 0")
        if self.workers and self.cluster:
            raise UserError(f"workers={self.workers} cluster={self.cluster}: choose one of the two")
        for name, value in (
            ("threads", self.threads),
            ("limits.timeout_s", self.timeout_s),
            ("limits.memory_gb", self.memory_gb),
        ):
            if value is not None and not value > 0:
                raise UserError(f"{name}={value}: must be > 0, or null")


def execute(jobs: Iterable[Job], ledger: Ledger, execution: Execution, observe: Observe) -> None:
    """Run every job and record it; `observe` sees each finished record."""
    run: Callable[..., Generator[Result]] = _here
    if execution.workers or execution.cluster:
        from runner.sweep.cluster import spread  # Dask takes half a second to import

        run = spread
    with closing(run(jobs, execution, lambda job: ledger.append(started(job)))) as results:
        for job, result in results:
            record = finished(job, result)
            ledger.append(record)
            observe(record)


def _here(jobs: Iterable[Job], execution: Execution, begin: Callable[[Job], None]) -> Generator[Result]:
    """Run jobs in this process, where only exceptions and time limits are survived."""
    if execution.threads:
        torch.set_num_threads(execution.threads)
    warm_up()
    for job in jobs:
        begin(job)
        yield job, attempt(job.spec, execution.timeout_s)
