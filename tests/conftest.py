import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

from runner.command import app
from runner.files import formula_modules
from runner.formula import Formula, register, registry
from runner.process import OF_PROCESS, kept
from runner.report import csv

os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parents[1] / ".pytest_cache" / "machine")
"""What the machine can do is measured by tests too, while others run: their figures are not the user's."""

HANDLERS = {"the signal handlers": OF_PROCESS["the signal handlers"]}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Keep each of the tests that run in parallel to one core."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Put signal handlers back: a command ends with them ignored, which whatever it starts inherits."""
    with kept(HANDLERS):
        yield


@dataclass
class Outcome:
    """What a user gets from one command."""

    status: int
    out: str
    err: str
    folders: list[Path]

    @property
    def report(self) -> pd.DataFrame:
        """The one CSV that the command wrote."""
        (path,) = (folder / csv.NAME for folder in self.folders if (folder / csv.NAME).exists())
        return csv.read(path)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The same, as plain rows; None is an empty cell."""
        table = self.report.astype(object)
        records = table.where(table.notna(), None).to_dict("records")
        return [{str(name): value for name, value in record.items()} for record in records]


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["runner", *arguments])
        before = {*tmp_path.glob("outputs/*/*")}
        with pytest.raises(SystemExit) as exit_status:
            app.main()
        out, err = capsys.readouterr()
        made = sorted({*tmp_path.glob("outputs/*/*")} - before)
        return Outcome(int(exit_status.value.code or 0), out, err, made)

    return command


@pytest.fixture
def own_formulas() -> Iterator[None]:
    """Let a test register formulas of its own, and forget them afterwards."""
    yield
    registry.forget({*registry.registered()} - {*formula_modules()})


Plant = Callable[..., Formula]


@pytest.fixture
def plant() -> Iterator[Plant]:
    """Register y = W x with derivations of the test's own, for the length of the test."""
    planted = []

    def one(*derivations: Callable[..., Any], **record: Any) -> Formula:
        parts = {"shapes": _shapes, "forward": _forward, "name": "planted", **record}
        planted.append(register(gradients=derivations, **parts))
        return planted[-1]

    yield one
    for made in planted:
        registry._registry.pop(made.name, None)


def _shapes(m: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"W": (m, n), "x": (n,)}


def _forward(W: Tensor, x: Tensor) -> Tensor:
    return W @ x
