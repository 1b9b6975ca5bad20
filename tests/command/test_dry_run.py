"""`dry_run=true` lists points and what of them is done; it runs nothing, and writes nothing."""

from pathlib import Path

import pytest

from runner import experiment
from tests.conftest import Run

SWEEP = ["-m", "experiment=mse", "timing=off", "check=off", "hydra.sweep.dir=sweep"]


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(spec: object) -> None:
        raise AssertionError("it ran")

    monkeypatch.setattr(experiment, "run", refuse)


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_sweep_is_listed_with_what_is_done(run: Run, tmp_path: Path) -> None:
    run(*SWEEP, "seed=1,2")
    before = files(tmp_path)
    outcome = run(*SWEEP, "seed=1,2,3,1", "dry_run=true")
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["completed", "experiment=mse"], ["completed", "experiment=mse"], ["to", "run"], ["the", "same"],
    ]  # fmt: skip
    assert lines[2].endswith("experiment=mse timing=off check=off seed=3")
    assert lines[-1].startswith("4 points: 2 found in the ledger, 3 skipped, 1 to run; dry_run=true: nothing")
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("settings", "states"),
    [(["sweep.fresh=true"], ["to", "to"]), (["seed=1,2", "dtype=float64"], ["to", "to"])],
)
def test_what_runs_again_is_told(run: Run, settings: list[str], states: list[str]) -> None:
    run(*SWEEP, "seed=1,2")
    printed = run(*SWEEP, "seed=1,2", *settings, "dry_run=true").out.splitlines()
    assert [line.split()[0] for line in printed[:-1]] == states


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize(
    "arguments", [["experiment=mse"], ["-m", "experiment=mse", "seed=1,2"], ["sweep=notebook"]]
)
def test_nothing_is_written(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    outcome = run(*arguments, "dry_run=true")
    assert (outcome.status, outcome.err) == (0, "")
    assert "to run  " in outcome.out
    assert "nothing was run, nothing written" in outcome.out
    assert [*tmp_path.iterdir()] == []


def test_a_single_run_says_what_it_would_run(run: Run) -> None:
    printed = run("experiment=linear_mse", "shape.m=50", "dtype=float64", "dry_run=true").out
    assert "to run  linear_mse (outer_product, jacobian): m=50 n=5, float64, cpu, seed 42\n" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["experiment=mse", "shape.n=0"], "mse: shape.n=0: must be"),
        (["-m", "experiment=mse", "seed=1,-1"], "seed=-1: must be"),
        (["-m", "hydra/sweeper=basic", "experiment=mse", "seed=1,2"], "Hydra's own sweepers cannot"),
    ],
)
def test_bad_input_is_refused_all_the_same(run: Run, arguments: list[str], message: str) -> None:
    outcome = run(*arguments, "dry_run=true")
    assert outcome.status == 2
    assert message in outcome.err
