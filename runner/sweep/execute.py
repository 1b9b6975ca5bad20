"""Run the points of a plan, in this process or on workers, and record each as it finishes."""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from typing import Any

import torch

from runner.sweep.attempt import attempt, warm_up
from runner.sweep.execution import Execution, Returned
from runner.sweep.job import Job, answer, finished, started
from runner.sweep.ledger import Ledger

Observe = Callable[[Mapping[str, Any]], None]
Run = Callable[[Iterable[Job], Execution, Callable[[Job], None]], Generator[Returned]]


def execute_alone(job: Job, ledger: Ledger, execution: Execution) -> None:
    """Run one job in this process and record it; it waits for no import that it has no need of."""
    _record([job], ledger, execution, _here, lambda record: None)


def execute(jobs: Iterable[Job], ledger: Ledger, execution: Execution, observe: Observe) -> None:
    """Run every job and record it; `observe` sees each finished record."""
    elsewhere = bool(execution.workers or execution.cluster)
    if not elsewhere:
        warm_up()
    _record(jobs, ledger, execution, _elsewhere if elsewhere else _here, observe)


def _record(jobs: Iterable[Job], ledger: Ledger, execution: Execution, run: Run, observe: Observe) -> None:
    with closing(run(jobs, execution, lambda job: ledger.append(started(job)))) as results:
        for job, result in results:
            record = finished(job, answer(job, result))
            ledger.append(record)
            observe(record)


def _elsewhere(
    jobs: Iterable[Job], execution: Execution, begin: Callable[[Job], None]
) -> Generator[Returned]:
    """Run jobs on workers, whose modules take longer to import than one point to run."""
    from runner.sweep.spread import spread

    return spread(jobs, execution, begin)


def _here(jobs: Iterable[Job], execution: Execution, begin: Callable[[Job], None]) -> Generator[Returned]:
    """Run jobs in this process, where only exceptions and time limits are survived."""
    if execution.threads:
        torch.set_num_threads(execution.threads)
    for job in jobs:
        begin(job)
        yield job, attempt(job.spec, execution.timeout_s)
