"""What a machine can do: measured once, kept, and measured again when asked."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from runner.clock import ceilings as room
from runner.clock.ceilings import Ceilings, ceilings

CPU = torch.device("cpu")
MEASURED = {
    "measured_at": "2026-01-01T00:00:00+00:00",
    "seconds": {"1000": 1e-6, "100000": 1e-5},
    "flops": {"torch.float32": 1e9, "torch.bfloat16": 1e8},
}


@pytest.fixture
def measurements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []

    def measured(device: torch.device) -> Any:
        made.append(device)
        return MEASURED

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(room, "_known", {})
    monkeypatch.setattr(room, "_measured", measured)
    return made


def test_they_are_measured_once_and_kept(measurements: list[Any], tmp_path: Path) -> None:
    first = ceilings(CPU)
    room._known.clear()  # as another process would find it
    assert ceilings(CPU) == first
    assert len(measurements) == 1
    stored = json.loads((tmp_path / "handgrad" / "ceilings.json").read_text())
    assert [*stored.values()] == [MEASURED]
    assert f"threads={torch.get_num_threads()}" in first.machine
    ceilings(CPU, again=True)
    assert len(measurements) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a": 1}', '{"a": {"seconds": {}, "flops": 3}}'])
def test_a_damaged_file_is_made_anew(measurements: list[Any], tmp_path: Path, damage: str) -> None:
    (tmp_path / "handgrad").mkdir()
    (tmp_path / "handgrad" / "ceilings.json").write_text(damage)
    assert ceilings(CPU).seconds == {1000: 1e-6, 100000: 1e-5}
    assert len(measurements) == 1


def test_without_a_place_for_the_file_it_is_for_now(
    measurements: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert ceilings(CPU) == ceilings(CPU)
    assert len(measurements) == 1


@pytest.mark.parametrize(
    ("size", "seconds"),
    [(0, 1e-6), (1000, 1e-6), (10_000, 10**-5.5), (100_000, 1e-5), (1_000_000, 1e-4)],
)
def test_sizes_between_those_measured_lie_on_the_line(size: int, seconds: float) -> None:
    known = Ceilings("", "", {1000: 1e-6, 100_000: 1e-5}, {})
    assert known.least_seconds_to_move(size) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("dtype", "seconds"),
    [(torch.float32, 1.0), (torch.bfloat16, 1.0), (torch.float64, 0.0)],
    ids=["float32", "bfloat16 widened", "unknown"],
)
def test_a_dtype_computes_as_fast_as_it_or_float32_does(dtype: torch.dtype, seconds: float) -> None:
    known = Ceilings("", "", {1: 1.0}, {"torch.float32": 1e9, "torch.bfloat16": 1e8})
    assert known.least_seconds_to_compute(10**9, dtype) == seconds


def test_this_machine_moves_and_multiplies() -> None:
    known = ceilings(CPU)
    assert sorted(known.seconds) == [*room.SIZES]
    assert all(0 < seconds < 10 for seconds in known.seconds.values())
    assert known.seconds[room.SIZES[-1]] > known.seconds[room.SIZES[0]]
    assert known.flops["torch.float32"] > 1e8
