"""Dask clusters on this machine, each process started as a user would in another terminal."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.test_layers import ROOT

Process = subprocess.Popen[str]


@contextmanager
def dask(*arguments: str, **variables: str) -> Iterator[Process]:
    """Run `dask ...` with environment variables of its own."""
    command = [sys.executable, "-c", "from dask.__main__ import main; main()", *arguments]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DASK_DISTRIBUTED__DASHBOARD__LINK": "",
        **variables,
    }
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def scheduler(*, scheme: str = "tcp://", **variables: str) -> Iterator[tuple[Process, str]]:
    """Run a scheduler; yield it with the address that it listens to."""
    place = ["--host", f"{scheme}127.0.0.1", "--port", "0", "--no-dashboard"]
    with dask("scheduler", *place, **variables) as process:
        assert process.stderr
        said = next(line for line in process.stderr if scheme in line)
        yield process, f"{scheme}{said.partition(scheme)[2].split()[0]}"


@contextmanager
def worker(
    address: str, *arguments: str, threads: int = 1, variables: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run a worker of that many threads."""
    options = ["--no-nanny", "--no-dashboard", "--nthreads", str(threads)]
    with dask("worker", address, *options, *arguments, **(variables or {})) as process:
        yield process
