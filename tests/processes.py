"""Processes that a test looks at, which may end meanwhile."""

import psutil


def command_of(process: psutil.Process) -> str:
    """Return the command line of a process; nothing if it has ended since it was seen."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
