"""What code leaves changed in the process is named, and put back."""

import io
import math
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from runner import process

ENTERED: list[Any] = []


class Watching(TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("nothing may be asked of a mode that somebody left")


def enter(mode: Any) -> None:
    ENTERED.append(mode)
    mode.__enter__()


CHANGES: dict[str, Callable[[], Any]] = {
    "inference mode": lambda: enter(torch.inference_mode()),
    "the default dtype": lambda: torch.set_default_dtype(torch.float64),
    "the default device": lambda: torch.set_default_device("meta"),
    "the modes that see every operation": lambda: enter(Watching()),
    "whether autograd records": lambda: torch._C._set_grad_enabled(False),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "the number of threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "the deterministic mode": lambda: torch.use_deterministic_algorithms(True),
    "the precision of float32 products": lambda: torch.set_float32_matmul_precision("medium"),
    "cudnn.deterministic": lambda: setattr(torch.backends.cudnn, "deterministic", True),
    "cudnn.benchmark": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "whether denormal numbers are kept": lambda: torch.set_flush_denormal(True),
    "anomaly detection": lambda: torch.set_anomaly_enabled(True),
    "NumPy's floating-point errors": lambda: np.seterr(all="raise"),
    "the working directory": lambda: os.chdir("/"),
    "the environment": lambda: os.environ.update(HANDGRAD="1"),
    "the signal handlers": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    "the warning filters": lambda: warnings.simplefilter("ignore"),
    "the recursion limit": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "the standard descriptors": lambda: os.dup2(os.pipe()[0], 0),
    "the standard streams": lambda: setattr(sys, "stdin", io.StringIO()),
    "the resource limits": lambda: resource.setrlimit(
        resource.RLIMIT_CPU, (10**6, resource.getrlimit(resource.RLIMIT_CPU)[1])
    ),
    "the file mode mask": lambda: os.umask(0o077),
    "the trace function": lambda: sys.setprofile(lambda *_: None),
}


def test_every_setting_is_tried() -> None:
    assert {*CHANGES} == {*process.OF_PROCESS}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_left_changed_is_named_and_put_back(name: str) -> None:
    before = process.settings(process.OF_PROCESS)
    with process.kept(process.OF_PROCESS) as left:
        CHANGES[name]()
    assert name in left
    assert process.settings(process.OF_PROCESS) == before
    result = (torch.ones(2, requires_grad=True) * 2).sum()
    assert result.item() == 4
    assert result.requires_grad


def test_a_directory_that_is_gone_is_left(tmp_path: Path) -> None:
    before = Path.cwd()
    with process.kept(process.OF_PROCESS) as left:
        (tmp_path / "gone").mkdir()
        os.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
    assert left == ["the working directory"]
    assert Path.cwd() == before


@pytest.mark.parametrize(
    ("place", "name"), [(torch, "sin"), (torch.Tensor, "sum"), (math, "exp"), (np, "dot")], ids=str
)
def test_functions_that_were_replaced_are_named_and_put_back(place: Any, name: str) -> None:
    functions, before = process.Functions(), getattr(place, name)
    assert functions.replaced() == []
    setattr(place, name, lambda *_: 0)
    (found,) = functions.replaced()
    assert found.rpartition(".")[2] == name
    assert getattr(place, name) is before
    assert functions.replaced() == []


def test_what_pytorch_wraps_itself_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its compiler does with torch.manual_seed, once it is imported."""
    functions = process.Functions()
    monkeypatch.setattr(torch, "manual_seed", torch._disable_dynamo(torch.manual_seed))  # type: ignore[attr-defined]
    assert functions.replaced() == []
