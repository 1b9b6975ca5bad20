"""The workers of a Dask cluster: whatever `dask worker` started, on whichever machines."""

from __future__ import annotations  # in older versions of Dask, Future is not generic

import logging
import queue
import threading
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import distributed
from distributed import Client, KilledWorker

from runner.errors import StoppedError, UserError, reason
from runner.sweep.dask_worker import offers_gpu, retire_there, run_there
from runner.sweep.supervise import Results, Terms

CONNECT_S = 10
GRACE_S = 5  # beyond which a connection that Dask should have given up is given up here
FIRST_WORKER_S = 60
RECOUNT_S = 2.0
GONE = "the workers cannot run points: the connection to the scheduler is lost"


class Workers:
    """The workers that a scheduler has: they come and go, and Dask runs a chunk again that was lost."""

    lost: tuple[type[Exception], ...] = (KilledWorker,)

    def __init__(self, client: Client, terms: Terms) -> None:
        self._client, self._terms = client, terms
        self._slots, self._counted_at = 0, -RECOUNT_S
        self._gpus = any(client.run(offers_gpu, on_error="ignore").values())

    def workers(self) -> int:
        """Return how many points can run at once, as counted a moment ago."""
        if time.monotonic() - self._counted_at > RECOUNT_S:
            with _connection():
                self._slots = sum(self._client.nthreads().values())
            self._counted_at = time.monotonic()
        return max(1, self._slots)

    def submit(self, specs: Sequence[bytes], *, on_gpu: bool) -> Chunk:
        """Begin to run pickled specifications in turn, on a worker with a GPU if one is needed and there."""
        resources = {"GPU": 1} if on_gpu and self._gpus else None
        with _connection():
            there = self._client.submit(run_there, specs, self._terms, pure=False, resources=resources)
        return Chunk(there)


@dataclass(frozen=True, eq=False)
class Chunk:
    """A chunk that a cluster works at.

    Whoever asks fetches its result, and no thread of Dask's: one that waits when the sweep is interrupted
    waits for ever, and the process with it.
    """

    there: distributed.Future[Any]

    def add_done_callback(self, call: Callable[[Chunk], object], /) -> None:
        """Call with this chunk when it has ended."""
        self.there.add_done_callback(lambda _: call(self))

    def result(self) -> Results:
        """Return what its points gave; what is not the chunk's own error is the connection's."""
        try:
            results: Results = self.there.result()
        except (Exception, CancelledError) as error:
            if self.there.status == "error":
                raise
            raise StoppedError(GONE) from error
        return results


@contextmanager
def connected(address: str, terms: Terms) -> Iterator[Workers]:
    """Connect to a scheduler; when the sweep ends, so do the child processes of its workers."""
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what is lost is reported in rows
    with _client(address) as client:
        try:
            yield Workers(client, terms)
        finally:
            _retire_everywhere(client, terms.token)


def _client(address: str) -> Client:
    try:
        client = _answering(address)
        client.wait_for_workers(1, timeout=FIRST_WORKER_S)
    except Exception as error:  # Dask has many for what does not answer, or wants certificates
        raise UserError(
            f"cluster={address}: {reason(error)}; start it with `dask scheduler` and `dask worker {address}` "
            "(docs/sweeps.md says what tls:// needs)"
        ) from error
    return client


def _answering(address: str) -> Client:
    """Connect within a limit, also where somebody listens who says nothing, for which Dask waits for ever."""
    found: queue.SimpleQueue[Client | Exception] = queue.SimpleQueue()

    def connect() -> None:
        try:
            found.put(Client(address, timeout=CONNECT_S))
        except Exception as error:
            found.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        client = found.get(timeout=CONNECT_S + GRACE_S)
    except queue.Empty:
        raise TimeoutError(f"nobody answers within {CONNECT_S + GRACE_S} s") from None
    if isinstance(client, Exception):
        raise client
    return client


@contextmanager
def _connection() -> Iterator[None]:
    """Ask the scheduler something: it answers or is gone, for which Dask has many errors."""
    try:
        yield
    except Exception as error:
        raise StoppedError(GONE) from error


def _retire_everywhere(client: Client, token: str) -> None:
    try:
        client.run(retire_there, token, on_error="ignore")
    except (OSError, TimeoutError):
        return  # no scheduler any more: the children leave by themselves
