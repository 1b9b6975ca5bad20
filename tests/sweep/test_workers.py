"""Workers begin and end with their sweep; on one machine they need nothing but Python."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from runner.sweep import ledger
from runner.sweep.supervise import CHILD
from tests.conftest import Run
from tests.processes import command_of
from tests.sweep.clusters import scheduler, worker
from tests.sweep.test_hostile import HOSTILE
from tests.test_layers import ROOT

QUICK = ["timing=off", "check.level=off", "threads=1"]

WATCHED = """
import sys

sys.modules |= {"dask": None, "distributed": None}  # an import of either raises

import psutil

from runner.command import app
from runner.sweep.ledger import Ledger

APPEND, PORTS, CHILDREN = Ledger.append, set(), set()


def append(records, record):
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            PORTS.update(process.net_connections("inet"))
            PORTS.update(c for c in process.net_connections("unix") if c.laddr)
        except psutil.NoSuchProcess:  # as git, which a point asks for its commit, and which has ended by now
            continue
        CHILDREN.add(process.pid)
    APPEND(records, record)


Ledger.append = append
try:
    app.main()
finally:
    print(len(CHILDREN), "processes", len(PORTS), "sockets with an address")
"""


def test_one_machine_needs_no_dask_and_no_socket(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "-m", "experiment=mse", "seed=range(4)", "workers=2", *QUICK],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("3 processes 0 sockets with an address\n")


@contextmanager
def finding_first(folder: Path, where: str) -> Iterator[str]:
    """Return the setting of a pool whose processes look for modules in a folder before anywhere else."""
    if where == "workers=2":
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(folder)
            yield where
    else:
        variables = {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
        with scheduler() as (_, address), worker(address, threads=2, variables=variables):
            yield f"cluster={address}"


@pytest.mark.parametrize("where", ["workers=2", "cluster"])
def test_a_child_that_does_not_start_stops_the_sweep(run: Run, tmp_path: Path, where: str) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit(7)")  # a child finds it before the real one
    with finding_first(tmp_path, where) as pool:
        outcome = run("-m", "experiment=mse", "seed=1,2", pool, *QUICK)
    assert outcome.status == 2
    assert "a worker's process does not start: the process exited with status 7" in outcome.err
    assert "What is recorded is kept" in outcome.err


def children() -> list[psutil.Process]:
    """Return the processes that run points for this test: of the sweep, or of a Dask worker."""
    found = psutil.Process().children(recursive=True)
    return [process for process in found if CHILD in command_of(process)]


def test_ctrl_c_ends_sweep_and_children_in_the_middle_of_points(tmp_path: Path, pool: str) -> None:
    before = {*children()}
    command = [sys.executable, "-m", "runner", "-m", *HOSTILE, "params.mood=sleep", "seed=range(9)", pool]
    sweep = subprocess.Popen(
        [*command, *QUICK, "hydra.sweep.dir=sweep"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while len(mine := {*children()} - before) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        sweep.send_signal(signal.SIGINT)
        _, err = sweep.communicate(timeout=20)
    finally:
        sweep.kill()  # else it would keep the workers of tests to come
    assert sweep.returncode == 130, err
    assert err.startswith("interrupted. ")
    assert len(mine) == 2
    assert psutil.wait_procs(mine, timeout=5)[1] == []
    begun = [record["event"] for record in ledger.read(tmp_path / "sweep")].count("started")
    assert begun == 4, "one point runs and one waits, for each worker"
