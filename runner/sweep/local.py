"""The workers of this machine: threads of this process, for each runs its points in a child process."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from runner.sweep.supervise import Results, Terms, retire, run_chunk


class Threads:
    """As many threads as there are workers; none of them is ever lost."""

    lost: tuple[type[Exception], ...] = ()

    def __init__(self, executor: ThreadPoolExecutor, count: int, terms: Terms) -> None:
        self._executor, self._count, self._terms = executor, count, terms

    def workers(self) -> int:
        """Return how many points can run at once."""
        return self._count

    def submit(self, specs: Sequence[bytes], *, on_gpu: bool) -> Future[Results]:
        """Begin to run pickled specifications in turn; here every worker has the machine's GPUs."""
        return self._executor.submit(run_chunk, specs, self._terms)


@contextmanager
def threads(count: int, terms: Terms) -> Iterator[Threads]:
    """Offer that many workers; when the sweep ends, however it does, so do their child processes."""
    executor = ThreadPoolExecutor(count)
    try:
        yield Threads(executor, count, terms)
    finally:
        children = retire(terms.token)  # else a thread would wait for its point to end
        executor.shutdown(cancel_futures=True)
        for child in children:
            child.close()
