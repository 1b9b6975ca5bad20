"""Whether other work took the processor away while something was timed."""

import time

try:
    import resource
except ImportError:  # not a Unix
    resource = None  # type: ignore[assignment]

MOST_A_SECOND = 20.0  # of a process that has its cores to itself there are a few
LEAST = 3  # within the milliseconds of a quick timing one or two say nothing


class Preemptions:
    """Counts how often this process has had to give way to another since this was made.

    One thread that gives way is enough for all others of an operation to wait for it, autograd's or the
    derivation's, some milliseconds each time: a ratio of both is then no property of either.
    """

    def __init__(self) -> None:
        self._before, self._began = _switches(), time.perf_counter()

    @property
    def are_many(self) -> bool:
        """Whether times are worth little for them; never where the system does not count them."""
        count = _switches() - self._before
        return count >= LEAST and count > MOST_A_SECOND * (time.perf_counter() - self._began)


def _switches() -> int:
    """Return the involuntary context switches of all threads of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if resource else 0
