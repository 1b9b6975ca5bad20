"""The cores and the memory that workers share are those of the container, not of the machine around it."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runner.sweep import machine

GB = 10**9


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the control groups be files of the test's own, on a machine of 8 cores and 64 GB."""
    monkeypatch.setattr(machine, "GROUPS", tmp_path)
    monkeypatch.setattr(machine, "MINE", tmp_path / "mine")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*range(8)}, raising=False)
    memory = psutil.virtual_memory()._replace(total=64 * GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    machine.cores.cache_clear()
    machine.memory.cache_clear()


@pytest.mark.parametrize(
    ("mine", "files", "cores", "gb"),
    [
        ("", {}, 8, 64),
        ("0::/", {"cpu.max": "250000 100000", "memory.max": str(6 * GB)}, 3, 6),
        ("0::/", {"cpu.max": "max 100000", "memory.max": "max"}, 8, 64),
        ("0::/job/step", {"job/cpu.max": "200000 100000", "job/step/memory.high": str(GB)}, 2, 1),
        (
            "3:memory:/\n2:cpu,cpuacct:/box\n0::/",
            {
                "cpu,cpuacct/box/cpu.cfs_quota_us": "100000",
                "cpu,cpuacct/box/cpu.cfs_period_us": "50000",
                "memory/memory.limit_in_bytes": str(4 * GB),
            },
            2,
            4,
        ),
        (
            "3:memory:/\n2:cpu:/\n0::/",
            {
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": str(2**63 - 4096),
            },
            8,
            64,
        ),
    ],
    ids=["none", "second", "second, unlimited", "second, nested", "first", "first, unlimited"],
)
def test_the_tightest_control_group_counts(
    groups: Path, mine: str, files: dict[str, str], cores: int, gb: int
) -> None:
    (groups / "mine").write_text(mine)
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(f"{text}\n")
    assert machine.cores() == cores
    assert machine.memory() == gb * GB


def test_an_affinity_counts(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert machine.cores() == 1
