"""What does not change is read once: a file by all points of a sweep, a configuration by a single run."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from runner.case import resolve, tensors
from runner.case.tensors import digest, headers
from runner.formula import lookup
from tests.conftest import Run

SWEEP = ("-m", "formula=mse", "shape.n=5", "timing=off", "check=off", "seed=1,2,3")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often a whole file is read, and for what."""
    count: Counter[str] = Counter()

    def counted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            count[what] += 1
            return function(*arguments)

        return call

    for suffix, read in tensors.FORMATS.items():
        parts = {name: counted(name, getattr(read, name)) for name in ("headers", "load")}
        monkeypatch.setitem(tensors.FORMATS, suffix, dataclasses.replace(read, **parts))
    monkeypatch.setattr(hashlib, "file_digest", counted("digest", hashlib.file_digest))
    monkeypatch.setattr(resolve, "lookup", counted("resolve", lookup))
    return count


def dump(path: Path, factor: float = 1.0) -> None:
    column = torch.arange(5.0).reshape(5, 1) * factor
    save_file({"pred": column, "y": column + 1, "grad_loss": torch.tensor(1.0)}, path)


@pytest.mark.parametrize("sweeper", ["grid", "basic"])
def test_a_sweep_reads_a_file_once_before_it_runs(
    run: Run, tmp_path: Path, reads: Counter[str], sweeper: str
) -> None:
    dump(tmp_path / "dump.safetensors")
    outcome = run(*SWEEP, "inputs.file=dump.safetensors", f"hydra/sweeper={sweeper}")
    assert outcome.status == 0, outcome.err
    del reads["resolve"]
    assert reads == {"headers": 1, "digest": 1, "load": 1 + len(outcome.rows) // 2}


def test_a_single_run_resolves_once(run: Run, tmp_path: Path, reads: Counter[str]) -> None:
    dump(tmp_path / "dump.safetensors")
    outcome = run("experiment=mse", "timing=off", "check=off", "inputs.file=dump.safetensors")
    assert outcome.status == 0, outcome.err
    assert reads == {"resolve": 1, "headers": 1, "digest": 1, "load": 2}


def test_a_file_that_has_changed_is_read_again(tmp_path: Path, reads: Counter[str]) -> None:
    path, known = tmp_path / "dump.safetensors", []
    for factor in (1.0, 1.0, 2.0):
        dump(tmp_path / "new.safetensors", factor)
        (tmp_path / "new.safetensors").rename(path)
        known += [(digest(str(path)), headers(str(path))["y"].shape) for _ in range(2)]
    assert reads == {"headers": 3, "digest": 3}
    assert known == [known[0]] * 4 + [known[-1]] * 2
    assert known[0] != known[-1]


def test_a_forward_is_asked_again_for_other_hyper_parameters(
    run: Run, tmp_path: Path, reads: Counter[str]
) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    save_file({"x": x, "keep": x > 2, "grad_y": x + 1}, tmp_path / "dump.safetensors")
    settings = ("formula=dropout", "shape.size=[2,3]", "params.p=0.1,0.5", "seed=1,2")
    outcome = run("-m", *settings, "timing=off", "check=off", "inputs.file=dump.safetensors")
    assert outcome.status == 0, outcome.err
    assert reads["load"] == 2 + 4
