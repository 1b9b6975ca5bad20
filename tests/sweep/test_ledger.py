"""The ledger loses no record, whatever happens to who writes it."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from runner.errors import StoppedError
from runner.report import csv
from runner.sweep import ledger
from runner.sweep.job import command
from runner.sweep.plan import Before
from tests.conftest import Run
from tests.test_layers import ROOT

QUICK = ["timing=off", "check.level=off"]
SWEEP = ["-m", "experiment=mse,dot_product", "seed=range(20)", *QUICK]


WRITE = """
import sys, pathlib
from runner.sweep.ledger import Ledger
with Ledger(pathlib.Path(sys.argv[1])) as records:
    for i in range(500):
        records.append({"event": "sweep", "writer": int(sys.argv[2]), "i": i, "text": "x" * 3000})
"""

HOLD = """
import sys, pathlib
from runner.sweep.ledger import owned
with owned(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_records_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    for writer in [python(WRITE, tmp_path, n) for n in range(3)]:
        writer.communicate()
    found = [(record["writer"], record["i"]) for record in ledger.read(tmp_path) if "writer" in record]
    assert sorted(found) == [(n, i) for n in range(3) for i in range(500)]


@pytest.mark.parametrize("torn", ['{"event":"comp', '{"event":"started"}', "{", '{"a":{}'])
def test_a_torn_line_is_dropped_and_swallows_nothing(tmp_path: Path, torn: str) -> None:
    ledger.append(tmp_path, {"event": "sweep", "n": 1})
    with (tmp_path / ledger.NAME).open("a") as file:
        file.write(torn)
    assert [record["n"] for record in ledger.read(tmp_path) if "n" in record] == [1]
    ledger.append(tmp_path, {"event": "sweep", "n": 2})
    assert [record["n"] for record in ledger.read(tmp_path) if "n" in record] == [1, 2]


def test_a_ledger_of_another_version_is_named_and_left_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sweep" / ledger.NAME
    path.parent.mkdir()
    for line, version in (('{"event":"sweep"}', 1), ('{"event":"ledger","version":99}', 99)):
        path.write_text(line + "\n")
        outcome = run(*SWEEP, "hydra.sweep.dir=sweep")
        assert outcome.status == 2
        assert f"a ledger of version {version}, which this handgrad does not read" in outcome.err
        assert path.read_text() == line + "\n"


def test_a_ledger_of_the_version_before_makes_the_same_report(run: Run, tmp_path: Path) -> None:
    run(*SWEEP, "hydra.sweep.dir=sweep")
    before = csv.read(tmp_path / "sweep" / csv.NAME)
    path = tmp_path / "sweep" / ledger.NAME
    old = path.read_text().replace('{"event":"ledger","version":3}', '{"event":"ledger","version":2}')
    assert '"version":2}' in old
    path.write_text(old.replace('"execution":"eager",', ""))
    run(*SWEEP, "hydra.sweep.dir=sweep")
    after = csv.read(tmp_path / "sweep" / csv.NAME)
    assert (after["execution"] == "eager").all()
    assert after["verdict"].tolist() == before["verdict"].tolist()


def test_a_second_sweep_on_a_folder_is_refused_with_the_first(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    holder = python(HOLD, folder)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    for sweeper in ("grid", "basic"):
        outcome = run(*SWEEP, f"hydra/sweeper={sweeper}", f"hydra.sweep.dir={folder}")
        assert outcome.status == 2
        assert f"another sweep is writing here (pid {holder.pid} on " in outcome.err
        assert [path.name for path in folder.iterdir()] == [ledger.LOCK]
    holder.kill()
    holder.communicate()
    assert run(*SWEEP, f"hydra.sweep.dir={folder}").status == 0, "a lock does not outlive its process"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_is_said_and_the_sweep_resumes(run: Run, tmp_path: Path, workers: int) -> None:
    command = [*SWEEP, "hydra.sweep.dir=sweep", f"workers={workers}", "threads=1"]
    with largest_file(20_000):
        outcome = run(*command)
    assert outcome.status == 2
    assert "sweep/ledger.jsonl: " in outcome.err
    assert "the same command with hydra.sweep.dir=sweep runs the rest" in outcome.err
    done = [event for event in Before.read(tmp_path / "sweep").events.values() if event == "completed"]
    assert 0 < len(done) < 40
    assert f"40 points: {len(done)} found in the ledger, {len(done)} skipped" in run(*command).out
    assert len(csv.read(tmp_path / "sweep" / csv.NAME)) == 80
    assert sorted(path.suffix for path in (tmp_path / "sweep").iterdir()) == [
        ".csv", ".csv", ".html", ".json", ".jsonl", ".lock", ".yaml",
    ]  # fmt: skip


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody, where the tests run as root, whom no permission stops."""
    user = os.geteuid()
    if not user:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_without_write_permission_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory() as place:  # whose parents everybody may enter, unlike those of tmp_path
        Path(place).chmod(0o555)
        command = [*SWEEP, f"hydra.sweep.dir={place}/sweep"]
        with monkeypatch.context() as patch, unprivileged():
            patch.setattr(Path, "glob", lambda *_: [])
            patch.chdir(place)
            outcome = run(*command)
        assert outcome.status == 2
        assert "Permission denied" in outcome.err
        assert place in outcome.err
        Path(place).chmod(0o755)
        assert run(*command).status == 0


def test_a_write_that_is_cut_short_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write

    def cut(descriptor: int, line: bytes) -> int:
        return whole(descriptor, line[:10])

    with ledger.Ledger(tmp_path) as records:
        records.append({"event": "sweep", "n": 1})
        monkeypatch.setattr(os, "write", cut)
        with pytest.raises(StoppedError, match=r"ledger\.jsonl: no space is left"):
            records.append({"event": "sweep", "n": 2})
        monkeypatch.undo()
        records.append({"event": "sweep", "n": 3})
    assert [record["n"] for record in ledger.read(tmp_path) if "n" in record] == [1, 3]


def test_a_point_alone_is_typed_without_the_settings_of_the_sweep() -> None:
    overrides = [
        "sweep=dtypes",
        "experiment=mse",
        "shape.n=3",
        "workers=4",
        "sweep.retry=false",
        "quiet=true",
    ]
    said: Any = command(overrides, "my conf")
    assert said == (
        "python -m runner --config-dir 'my conf' sweep=dtypes experiment=mse shape.n=3 hydra.mode=RUN"
    )
