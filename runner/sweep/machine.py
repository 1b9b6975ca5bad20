"""What this machine grants the process: its cores and its memory, less where its container has less."""

import math
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil

MINE = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")


@cache
def cores() -> int:
    """Return how many cores the process may use, rounded up."""
    affine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([affine, *filter(None, map(_quota, _groups("cpu")))])


@cache
def memory() -> int:
    """Return how much memory the process may use, in bytes."""
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    limits = [_read(group / name) for group in _groups("memory") for name in names]
    return min([int(psutil.virtual_memory().total), *(int(limit) for limit in limits if limit.isdigit())])


def _groups(controller: str) -> Iterator[Path]:
    """Yield the control groups of this process, of either version, from its own to the outermost."""
    for line in _read(MINE).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):  # version 2 names none
            own = GROUPS / controllers / path.lstrip("/")
            yield from (own, *own.parents)


def _quota(group: Path) -> int | None:
    """Return the cores that a group may use: microseconds of work in a period of so many."""
    work = _read(group / "cpu.max") or _read(group / "cpu.cfs_quota_us")  # the former has both figures
    figures = f"{work} {_read(group / 'cpu.cfs_period_us')}".split()
    if len(figures) != 2 or not all(figure.isdigit() for figure in figures):
        return None
    return math.ceil(int(figures[0]) / int(figures[1]))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
