"""The processes that a point starts: they end when it does."""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


if TYPE_CHECKING:
    import psutil  # which takes longer to import than a point that starts no process needs to run


class Descendants:
    """The processes below this one at a moment; those that come later can be ended."""

    def __init__(self) -> None:
        self._before = _found()

    def end(self) -> None:
        """Kill what was started since, and wait for it."""
        started = [process for process in _found() if process not in self._before]
        if not started:
            return
        import psutil

        for process in started:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(started, timeout=1)


def end_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it is gone, whatever runs here.

    And adopt the processes whose parents end, so that they are found. Nothing happens but on Linux.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_group(pid: int) -> None:
    """Kill a process that leads a group of its own, and all below it."""
    import psutil

    below = []
    with suppress(psutil.Error):
        below = psutil.Process(pid).children(recursive=True)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for process in below:
        with suppress(psutil.Error):
            process.kill()


def _found() -> "list[psutil.Process]":
    """Return every process below this one; to look for them takes milliseconds, to ask if there are, none."""
    if hasattr(os, "waitid"):
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return []
    import psutil

    below: list[psutil.Process] = psutil.Process().children(recursive=True)
    return below
