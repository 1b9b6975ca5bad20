"""Spread points over workers: chunks of points out, results back, on one machine and on many alike."""

import pickle
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from queue import SimpleQueue
from typing import Any, Protocol

from runner.errors import StoppedError, reason
from runner.sweep.execution import Execution, Returned
from runner.sweep.job import Job, lost
from runner.sweep.local import threads
from runner.sweep.supervise import Results, Terms

CHUNK_S = 0.25  # a chunk is as many points as take about this long
MOST_POINTS = 256
CHUNKS_AHEAD = 2  # for each worker: one runs, one waits


class Pending(Protocol):
    """A chunk that is under way: as much of a future as it takes."""

    def add_done_callback(self, call: Callable[[Any], object], /) -> None:
        """Call with this chunk when it has ended."""

    def result(self) -> Results:
        """Return what its points gave, or raise what became of it."""


class Pool(Protocol):
    """Workers that run chunks of points: threads of this process (`local`), or Dask's (`cluster`)."""

    lost: tuple[type[Exception], ...]
    """What a chunk raises whose workers were lost, though others may run its points."""

    def workers(self) -> int:
        """Return how many points can run at once."""

    def submit(self, specs: Sequence[bytes], *, on_gpu: bool) -> Pending:
        """Begin to run pickled specifications in turn."""


def spread(jobs: Iterable[Job], execution: Execution, begin: Callable[[Job], None]) -> Generator[Returned]:
    """Run jobs on workers; yield each with its result, as they come.

    Raises StoppedError where the workers cannot go on, and UserError where no cluster answers.
    """
    terms = Terms(
        uuid.uuid4().hex,
        share=execution.workers,
        threads=execution.threads,
        timeout_s=execution.timeout_s,
        memory_gb=execution.memory_gb,
    )
    with _pool(execution, terms) as pool:
        yield from Spread(pool, iter(jobs), begin).results()


def _pool(execution: Execution, terms: Terms) -> AbstractContextManager[Pool]:
    if not execution.cluster:
        return threads(execution.workers, terms)
    from runner.sweep.cluster import connected  # Dask is an extra, and takes half a second to import

    return connected(execution.cluster, terms)


class Spread:
    """The chunks that are under way, and the points that are still to be handed out."""

    def __init__(self, pool: Pool, jobs: Iterator[Job], begin: Callable[[Job], None]) -> None:
        self._pool, self._jobs, self._begin = pool, jobs, begin
        self._alone: deque[Job] = deque()  # points of a chunk that was lost: each runs by itself
        self._pending: dict[Pending, list[Job]] = {}
        self._done: SimpleQueue[Pending] = SimpleQueue()
        self._seconds = CHUNK_S  # of one point, a running mean

    def results(self) -> Iterator[Returned]:
        """Yield every job with its result."""
        self._hand_out()
        while self._pending:
            future = self._done.get()
            yield from self._collected(future, self._pending.pop(future))
            self._hand_out()

    def _hand_out(self) -> None:
        while len(self._pending) < CHUNKS_AHEAD * self._pool.workers() and (chunk := self._chunk()):
            specs = [pickle.dumps(job.spec) for job in chunk]
            future = self._pool.submit(specs, on_gpu=any(j.spec.device.startswith("cuda") for j in chunk))
            self._pending[future] = chunk
            future.add_done_callback(self._done.put)

    def _chunk(self) -> list[Job]:
        if self._alone:
            return [self._alone.popleft()]
        size = min(MOST_POINTS, max(1, round(CHUNK_S / self._seconds)))
        chunk = []
        for job in islice(self._jobs, size):
            self._begin(job)
            chunk.append(job)
        return chunk

    def _collected(self, future: Pending, chunk: list[Job]) -> Iterator[Returned]:
        try:
            results = future.result()
        except self._pool.lost as error:
            yield from self._again(chunk, error)
        except StoppedError:
            raise
        except Exception as error:
            raise StoppedError(f"the workers cannot run points: {reason(error)}") from error
        else:
            for job, result in zip(chunk, results, strict=True):
                self._seconds += (result["seconds"] - self._seconds) / 4
                yield job, _known(job, result)

    def _again(self, chunk: list[Job], error: Exception) -> Iterator[Returned]:
        """Run the points of a lost chunk one by one; one that was alone has lost its workers itself."""
        if len(chunk) > 1:
            self._alone.extend(chunk)
        else:
            yield chunk[0], lost(chunk[0].spec, "crashed", reason(error))


def _known(job: Job, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a result as it came, or rows for a point that was lost."""
    if "lost" not in result:
        return result
    return lost(job.spec, result["lost"], result["error"], result["seconds"], result["host"])
