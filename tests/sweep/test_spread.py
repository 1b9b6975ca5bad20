"""What is handed out, how far ahead, and what becomes of a chunk whose workers are lost."""

import pickle
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import count, islice

import pytest

from runner.errors import StoppedError
from runner.sweep.job import Job
from runner.sweep.spread import CHUNKS_AHEAD, MOST_POINTS, Spread
from runner.sweep.supervise import Results
from tests.registry import specification

WORKERS = 3


class LostError(Exception):
    """Of a chunk."""


class Fake:
    """A pool that runs a chunk at once: nothing but its points' seconds, or an error where one is bad."""

    lost: tuple[type[Exception], ...] = (LostError,)

    def __init__(self, seconds: float = 0.0, bad: int | None = None, error: Exception | None = None) -> None:
        self._seconds, self._bad, self._error = seconds, bad, error
        self.sizes: list[int] = []

    def workers(self) -> int:
        return WORKERS

    def submit(self, specs: Sequence[bytes], *, on_gpu: bool) -> Future[Results]:
        self.sizes.append(len(specs))
        future: Future[Results] = Future()
        if self._error and self._bad in [pickle.loads(spec).seed for spec in specs]:
            future.set_exception(self._error)
        else:
            future.set_result([{"status": "completed", "seconds": self._seconds} for _ in specs])
        return future


def jobs(number: int) -> list[Job]:
    return [Job(seed, [f"seed={seed}"], specification("mse", seed=seed)) for seed in range(number)]


@pytest.mark.parametrize(("seconds", "largest"), [(1e-4, MOST_POINTS), (0.01, 25), (1.0, 1)])
def test_chunks_take_about_the_same_time_and_few_points_are_begun_ahead(seconds: float, largest: int) -> None:
    (job,) = jobs(1)
    endless, fake = (job for _ in count()), Fake(seconds)
    begun: list[Job] = []
    ahead = []
    for returned, _ in enumerate(islice(Spread(fake, endless, begun.append).results(), 20_000), 1):
        ahead.append(len(begun) - returned)
    assert fake.sizes[0] == 1, "how long a point takes is not known yet"
    assert fake.sizes[-1] == largest
    assert max(ahead) < CHUNKS_AHEAD * WORKERS * largest


def test_the_points_of_a_lost_chunk_run_one_by_one_and_one_of_them_is_to_blame() -> None:
    fake = Fake(0.01, bad=200, error=LostError("the worker died"))
    found = {job.index: result for job, result in Spread(fake, iter(jobs(300)), lambda job: None).results()}
    assert [*sorted(found)] == [*range(300)]
    assert [index for index, result in found.items() if result["status"] != "completed"] == [200]
    assert found[200]["status"] == "crashed"
    assert found[200]["judgements"][0]["error"] == "LostError: the worker died"
    assert fake.sizes[-1] == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("no child"), "the workers cannot run points: RuntimeError: no child"),
        (StoppedError("the connection is lost"), "the connection is lost"),
    ],
)
def test_a_pool_that_cannot_go_on_stops_the_sweep(error: Exception, said: str) -> None:
    fake = Fake(bad=5, error=error)
    with pytest.raises(StoppedError, match=f"^{said}$"):
        list(Spread(fake, iter(jobs(9)), lambda job: None).results())
