"""Spread points over workers: chunks of points out, records back, here and on a cluster alike.

The scheduler is Dask's. On this machine its workers are threads, for points run in child processes
anyway (`supervise`); elsewhere they are whatever `dask worker` started.
"""

from __future__ import annotations  # in older versions of Dask, Future is not generic

import logging
import pickle
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

import dask.config
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from runner.errors import StoppedError, UserError, reason
from runner.sweep.execute import Execution, Result
from runner.sweep.job import Job, lost
from runner.sweep.supervise import Terms, offers_gpu, retire, run_chunk

QUIET_CLUSTER = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.scheduler.active-memory-manager.start": False,
}
"""For a cluster of threads: Dask's looking after itself takes a tenth of a core from the points."""
CHUNK_S = 0.25  # a chunk is as many points as take about this long
MOST_POINTS = 256
CHUNKS_AHEAD = 2  # for each worker: one runs, one waits
CONNECT_S = 10
FIRST_WORKER_S = 60
RECOUNT_S = 2.0


def spread(jobs: Iterable[Job], execution: Execution, begin: Callable[[Job], None]) -> Generator[Result]:
    """Run jobs on workers; yield each with its result, as they come."""
    terms = Terms(
        uuid.uuid4().hex,
        share=execution.workers or None,
        threads=execution.threads,
        timeout_s=execution.timeout_s,
        memory_gb=execution.memory_gb,
    )
    with _connected(execution, terms.token) as client:
        yield from Spread(client, iter(jobs), terms, begin).results()


@contextmanager
def _connected(execution: Execution, token: str) -> Iterator[Client]:
    """Connect to the cluster, or make one of threads; when the sweep ends, so do its child processes."""
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what is lost is reported in rows
    with ExitStack() as stack:
        if execution.cluster:
            client = stack.enter_context(_remote(execution.cluster))
            stack.callback(_retire_everywhere, client, token)
        else:
            stack.enter_context(dask.config.set(QUIET_CLUSTER))
            local = LocalCluster(
                n_workers=execution.workers,
                threads_per_worker=1,
                processes=False,
                memory_limit=None,
                dashboard_address=":0",  # any free port: two sweeps on one machine do not meet
                silence_logs=logging.CRITICAL,
            )
            client = stack.enter_context(Client(stack.enter_context(local)))
            stack.callback(retire, token)
        yield client


def _remote(address: str) -> Client:
    try:
        client = Client(address, timeout=CONNECT_S)
        client.wait_for_workers(1, timeout=FIRST_WORKER_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise UserError(
            f"cluster={address}: {reason(error)}; start it with `dask scheduler` and `dask worker {address}`"
        ) from error
    return client


def _retire_everywhere(client: Client, token: str) -> None:
    try:
        client.run(retire, token, on_error="ignore")
    except (OSError, TimeoutError):
        return  # no scheduler any more: the children leave by themselves


class Spread:
    """The chunks that are under way, and the points that are still to be handed out."""

    def __init__(
        self, client: Client, jobs: Iterator[Job], terms: Terms, begin: Callable[[Job], None]
    ) -> None:
        self._client, self._jobs, self._terms, self._begin = client, jobs, terms, begin
        self._alone: deque[Job] = deque()  # points of a chunk that was lost: each runs by itself
        self._pending: dict[Future[Any], list[Job]] = {}
        self._done = as_completed([], raise_errors=False)
        self._seconds = CHUNK_S  # of one point, a running mean
        self._slots, self._counted_at = 0, -RECOUNT_S
        self._gpus = any(client.run(offers_gpu, on_error="ignore").values())

    def results(self) -> Iterator[Result]:
        """Yield every job with its result."""
        self._hand_out()
        while self._pending:
            future = next(self._done)
            yield from self._collected(future, self._pending.pop(future))
            self._hand_out()

    def _hand_out(self) -> None:
        while len(self._pending) < CHUNKS_AHEAD * self._workers() and (chunk := self._chunk()):
            specs = [pickle.dumps(job.spec) for job in chunk]
            on_gpu = self._gpus and any(job.spec.device.startswith("cuda") for job in chunk)
            future = self._client.submit(
                run_chunk, specs, self._terms, pure=False, resources={"GPU": 1} if on_gpu else None
            )
            self._pending[future] = chunk
            self._done.add(future)

    def _chunk(self) -> list[Job]:
        if self._alone:
            return [self._alone.popleft()]
        size = min(MOST_POINTS, max(1, round(CHUNK_S / self._seconds)))
        chunk = []
        for job in islice(self._jobs, size):
            self._begin(job)
            chunk.append(job)
        return chunk

    def _workers(self) -> int:
        """Return how many points can run at once; workers come and go."""
        if time.monotonic() - self._counted_at > RECOUNT_S:
            self._slots, self._counted_at = sum(self._client.nthreads().values()), time.monotonic()
        return max(1, self._slots)

    def _collected(self, future: Future[Any], chunk: list[Job]) -> Iterator[Result]:
        if future.status == "finished":
            for job, result in zip(chunk, future.result(), strict=True):
                self._seconds += (result["seconds"] - self._seconds) / 4
                yield job, _known(job, result)
            return
        error = future.exception() if future.status == "error" else None
        if not isinstance(error, KilledWorker):
            why = reason(error) if error else "the connection to the scheduler is lost"
            raise StoppedError(f"the workers cannot run points: {why}")
        if len(chunk) > 1:
            self._alone.extend(chunk)
        else:
            yield chunk[0], lost(chunk[0].spec, "crashed", reason(error))


def _known(job: Job, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a result as it came, or rows for a point that was lost."""
    if "lost" not in result:
        return result
    return lost(job.spec, result["lost"], result["error"], result["seconds"], result["host"])
