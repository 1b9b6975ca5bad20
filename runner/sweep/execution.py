"""Where the points of a sweep run, what each may take, and what comes back."""

from dataclasses import dataclass
from importlib.util import find_spec

from runner.errors import UserError
from runner.sweep.job import Job, Result

MOST = 4096  # workers, or threads of each: more than any machine has, fewer than any system refuses
LONGEST_S = 1e8  # three years; timers take no more than the system's integers
MOST_GB = 1e9

Returned = tuple[Job, Result]


@dataclass(frozen=True)
class Execution:
    """Where the points of a sweep run, and what each may take; raises UserError for what cannot be."""

    workers: int = 0
    cluster: str | None = None
    threads: int | None = None
    timeout_s: float | None = None
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        self._check_place()
        self._check_limits()

    def _check_place(self) -> None:
        if not 0 <= self.workers <= MOST:
            raise UserError(f"workers={self.workers}: must be an integer from 0 to {MOST}")
        if self.workers and self.cluster:
            raise UserError(f"workers={self.workers} cluster={self.cluster}: choose one of the two")
        if self.cluster and find_spec("distributed") is None:
            raise UserError(
                f"cluster={self.cluster}: Dask is not installed, which the extra `cluster` brings: "
                "pip install 'handgrad[cluster]'; workers=4 needs nothing"
            )

    def _check_limits(self) -> None:
        for name, value, most in (
            ("threads", self.threads, MOST),
            ("limits.timeout_s", self.timeout_s, LONGEST_S),
            ("limits.memory_gb", self.memory_gb, MOST_GB),
        ):
            if value is not None and not 0 < value <= most:
                raise UserError(f"{name}={value}: must be > 0 and at most {most:g}, or null")
        if self.threads and not self.cluster:
            self._check_threads(self.threads)

    def _check_threads(self, threads: int) -> None:
        from runner.sweep.machine import cores  # needs psutil, for which a single run need not wait

        if threads > cores():
            raise UserError(f"threads={threads}: this machine lets the process use {cores()} cores")
