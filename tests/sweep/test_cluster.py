"""Sweeps on a Dask cluster that is reached over TCP, one of whose two workers is killed halfway."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from dask import config
from distributed import Client

from runner.report import csv
from runner.sweep import cluster, ledger
from tests.conftest import Run
from tests.sweep.clusters import Process, scheduler, worker

POINTS = 300
QUICK = ["timing=off", "check.level=off", "threads=1"]


def kill_halfway(path: Path, process: Process) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b'"event":"completed"') > POINTS // 4:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)


def test_a_worker_that_is_killed_costs_no_point(run: Run, tmp_path: Path) -> None:
    with scheduler() as (_, address), worker(address) as one, worker(address):
        killer = threading.Thread(target=kill_halfway, args=(tmp_path / "sweep" / ledger.NAME, one))
        killer.start()
        outcome = run(
            "-m", "experiment=mse", f"seed=range({POINTS})", f"cluster={address}", *QUICK,
            "hydra.sweep.dir=sweep",
        )  # fmt: skip
        killer.join()
        assert one.wait(5) == -signal.SIGKILL
    assert outcome.status == 0, outcome.err
    finished = Counter(r["key"] for r in ledger.read(tmp_path / "sweep") if r["event"] in ledger.FINISHED)
    assert len(finished) == POINTS
    assert set(finished.values()) == {1}
    run("-m", "experiment=mse", f"seed=range({POINTS})", *QUICK, "hydra.sweep.dir=here")
    there, here = (
        csv.read(tmp_path / name / csv.NAME).drop(columns="started_at") for name in ("sweep", "here")
    )
    assert there.equals(here)


WHERE = '''"""y = x, whose input says which worker would draw it."""
import os

from runner.formula import register


def sample(rng, n):
    raise ValueError(f"drawn by the worker {os.environ['NAMED']}")


register(
    shapes=lambda n: {"x": (n,)},
    sample=sample,
    forward=lambda x: x * 1,
    gradients=[lambda grad_y: {"x": grad_y}],
)
'''


def test_points_for_a_gpu_go_to_the_workers_that_have_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "where.py").write_text(WHERE)
    points = ["formula=where", "plugins=[where.py]", "shape.n=3", "seed=range(12)", *QUICK]
    with (
        scheduler() as (_, address),
        worker(address, "--resources", "GPU=1", variables={"NAMED": "gpu"}),
        worker(address, variables={"NAMED": "cpu"}),
    ):
        with Client(address) as client:
            client.wait_for_workers(2, timeout=60)
        outcome = run("-m", *points, "device=cuda", f"cluster={address}")
    assert outcome.status == 1
    assert [row["error"] for row in outcome.rows] == ["ValueError: drawn by the worker gpu (where.py:8)"] * 12


def test_a_scheduler_that_is_lost_leaves_a_report_and_is_resumed(run: Run, tmp_path: Path) -> None:
    command = ["-m", "experiment=mse", f"seed=range({POINTS})", *QUICK, "hydra.sweep.dir=sweep"]
    with (
        scheduler() as (lost, address),
        worker(address),
        config.set({"distributed.comm.timeouts.connect": "1s"}),  # else it waits for the scheduler's return
    ):
        killer = threading.Thread(target=kill_halfway, args=(tmp_path / "sweep" / ledger.NAME, lost))
        killer.start()
        outcome = run(*command, f"cluster={address}")
        killer.join()
    assert outcome.status == 2
    said = [line for line in outcome.err.splitlines() if line]
    assert len(said) == 1, "nothing but the error is printed"
    assert "the connection to the scheduler is lost. What is recorded is kept" in said[0]
    done = len(csv.read(tmp_path / "sweep" / csv.NAME)) // 2
    assert POINTS // 4 < done < POINTS
    assert f"{POINTS} points: {done} found in the ledger, {done} skipped" in run(*command).out


def test_a_cluster_that_is_not_there_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.sweep.cluster.CONNECT_S", 1)
    outcome = run("-m", "experiment=mse", "cluster=tcp://127.0.0.1:9", *QUICK)
    assert outcome.status == 2
    assert "cluster=tcp://127.0.0.1:9: " in outcome.err
    assert "dask worker tcp://127.0.0.1:9" in outcome.err


def test_a_cluster_without_dask_names_the_extra_and_writes_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = run("-m", "experiment=mse", "cluster=tcp://127.0.0.1:9", *QUICK)
    assert outcome.status == 2
    assert "cluster=tcp://127.0.0.1:9: " in outcome.err
    assert "pip install 'handgrad[cluster]'" in outcome.err
    assert [*tmp_path.iterdir()] == []


def certificate(folder: Path) -> dict[str, str]:
    """Make a certificate that vouches for itself; return what Dask must be told of it."""
    key, made = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=handgrad",
         "-keyout", key, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    owners = ("scheduler", "worker", "client")
    return {
        "ca-file": str(made),
        **{f"{owner}.cert": str(made) for owner in owners},
        **{f"{owner}.key": str(key) for owner in owners},
    }


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificates")
def test_a_cluster_behind_tls_runs_points_for_those_who_have_the_certificate(
    run: Run, tmp_path: Path
) -> None:
    told = certificate(tmp_path)
    variables = {
        f"DASK_DISTRIBUTED__COMM__TLS__{name.upper().replace('-', '_').replace('.', '__')}": value
        for name, value in told.items()
    }
    command = ["-m", "experiment=mse", "seed=1,2", *QUICK]
    with (
        scheduler(scheme="tls://", **variables) as (_, address),
        worker(address, variables=variables),
    ):
        with config.set({f"distributed.comm.tls.{name}": value for name, value in told.items()}):
            outcome = run(*command, f"cluster={address}")
        assert outcome.status == 0, outcome.err
        assert len(outcome.rows) == 4
        refused = run(*command, f"cluster={address}")
        assert refused.status == 2
        assert refused.err.startswith(f"error: cluster={address}: ")
        assert refused.folders == []


def test_a_cluster_that_is_silent_is_given_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    monkeypatch.setattr(cluster, "GRACE_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        outcome = run("-m", "experiment=mse", "seed=1,2", *QUICK, f"cluster={address}")
    assert outcome.status == 2
    assert f"error: cluster={address}: TimeoutError: nobody answers within 2 s" in outcome.err
    assert outcome.folders == []
