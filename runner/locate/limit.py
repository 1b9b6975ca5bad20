"""What an answer may take: a clock that every call of PyTorch reads, and an alarm where none is made."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from runner.locate.place import is_machinery

TICK = 0.05
"""Seconds of the processor's between two looks at a clock where PyTorch is not called."""


class OutOfTimeError(BaseException):
    """The time that the locator may take has passed. Not an Exception, so that no derivation swallows it."""


@dataclass
class Clock:
    """What time is left, of the processor's: others on the machine do not count."""

    until: float = float("inf")

    @classmethod
    def of(cls, seconds: float) -> "Clock":
        """Start one."""
        return cls(time.thread_time() + seconds)

    @contextmanager
    def at_most(self, seconds: float) -> Iterator[None]:
        """Allow no more than so much of what is left."""
        until = self.until
        self.until = min(until, time.thread_time() + seconds)
        try:
            yield
        finally:
            self.until = until

    @contextmanager
    def part(self, share: float) -> Iterator[None]:
        """Allow no more than a part of what is left."""
        with self.at_most(share * (self.until - time.thread_time())):
            yield

    def check(self) -> None:
        """Raise OutOfTimeError where no time is left."""
        if time.thread_time() > self.until:
            raise OutOfTimeError

    @contextmanager
    def alarm(self) -> Iterator[None]:
        """Check in the derivation's own code, too, which may loop and call nothing; in the main thread alone.

        Never in PyTorch's or in handgrad's: what they have begun, they end.
        """
        if self.until == float("inf") or threading.current_thread() is not threading.main_thread():
            yield
            return

        def ring(_: int, frame: FrameType | None) -> None:
            if frame is not None and not is_machinery(frame.f_code):
                self.check()

        previous = signal.signal(signal.SIGVTALRM, ring)
        signal.setitimer(signal.ITIMER_VIRTUAL, TICK, TICK)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, previous)
