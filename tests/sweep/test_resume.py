"""The same command on the same folder runs what is missing, and nothing else."""

import sys
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from runner.case import spec
from runner.command import report as command
from runner.command.tree import parsed
from runner.formula import registry
from runner.formula.source import fingerprint
from runner.report import csv
from runner.sweep import job, ledger
from tests.conftest import Run

QUICK = ["timing=off", "check.level=off", "hydra.sweep.dir=sweep"]

FORMULA = '''"""y = x, in a file that changes."""
from runner.formula import register


def shapes(n: int):
    return {"x": (n,)}


def forward(x):
    return x * 1


def copied(grad_y):
    return {"x": grad_y * FACTOR}


register(shapes=shapes, forward=forward, gradients=[copied])
'''


def events(folder: Path) -> list[str]:
    return [record["event"] for record in ledger.read(folder)]


@pytest.mark.parametrize("sweeper", ["grid", "basic"])
def test_only_what_is_missing_runs(run: Run, tmp_path: Path, sweeper: str) -> None:
    command = ["-m", "experiment=mse", *QUICK, f"hydra/sweeper={sweeper}"]
    assert run(*command, "seed=1,2").status == 0
    outcome = run(*command, "seed=1,2,3")
    assert outcome.status == 0
    if sweeper == "grid":
        assert outcome.out.startswith("3 points: 2 found in the ledger, 2 skipped, 1 to run\n")
    assert events(tmp_path / "sweep").count("completed") == 3
    assert csv.read(tmp_path / "sweep" / csv.NAME)["seed"].tolist() == [1, 1, 2, 2, 3, 3]


def test_what_either_sweeper_has_done_the_other_finds(run: Run, tmp_path: Path) -> None:
    run("-m", "hydra/sweeper=basic", "experiment=mse,matvec", "seed=1,2", *QUICK)
    by_hydra = csv.read(tmp_path / "sweep" / csv.NAME)
    assert (
        "4 points: 4 found in the ledger, 4 skipped, 0 to run"
        in run("-m", "experiment=mse,matvec", "seed=1,2", *QUICK).out
    )
    run("-m", "experiment=mse,matvec", "seed=1,2", *QUICK[:-1], "hydra.sweep.dir=other")
    by_grid = csv.read(tmp_path / "other" / csv.NAME)
    assert by_grid.drop(columns="started_at").equals(by_hydra.drop(columns="started_at"))


def test_a_changed_formula_is_run_again_and_its_old_record_stays(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["-m", "formula=changing", "plugins=[changing.py]", "shape.n=2,3", *QUICK]
    verdicts = []
    for factor in ("1", "2", "1"):
        (tmp_path / "changing.py").write_text(FORMULA.replace("FACTOR", factor))
        with monkeypatch.context() as patch:  # as if each command were a process of its own
            patch.setattr(registry, "_registry", {**registry._registry})
            said = run(*command).out
        for name in [name for name in sys.modules if name.endswith(".changing")]:
            del sys.modules[name]
        fingerprint.cache_clear()
        if factor == "2":
            assert "2 run again, for the code of the formula has changed" in said
        verdicts.append(csv.read(tmp_path / "sweep" / csv.NAME)["verdict"].tolist())
    assert verdicts[:2] == [["unchecked"] * 2, ["wrong"] * 2]
    assert events(tmp_path / "sweep").count("completed") == 4, "the first version's records are found again"


def test_a_fresh_start_runs_all_again_and_deletes_nothing(run: Run, tmp_path: Path) -> None:
    command = ["-m", "experiment=mse", "seed=1,2", *QUICK]
    run(*command)
    assert "2 points: 0 found in the ledger, 0 skipped, 2 to run" in run(*command, "sweep.fresh=true").out
    assert events(tmp_path / "sweep").count("completed") == 4
    assert len(csv.read(tmp_path / "sweep" / csv.NAME)) == 4
    assert "2 points: 2 found in the ledger" in run(*command).out


def test_a_point_that_stands_twice_runs_once(run: Run) -> None:
    assert (
        "3 points: 0 found in the ledger, 1 skipped, 2 to run"
        in run("-m", "experiment=mse", "seed=1,2,1", *QUICK).out
    )


def test_what_was_under_way_is_said(run: Run, tmp_path: Path) -> None:
    command = ["-m", "experiment=mse", "seed=1,2", *QUICK]
    run(*command)
    path = tmp_path / "sweep" / ledger.NAME
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]) + '{"event":"comp')
    assert "1 found in the ledger, 1 skipped, 1 to run; 1 were under way" in run(*command).out
    assert len(csv.read(tmp_path / "sweep" / csv.NAME)) == 4


def test_the_report_is_made_again_from_the_ledger(run: Run, tmp_path: Path) -> None:
    run("-m", "experiment=mse", "seed=1,2", *QUICK)
    report = tmp_path / "sweep" / csv.NAME
    before = report.read_bytes()
    report.unlink()
    assert command.main(parsed("report", ["sweep"])) == 0
    assert report.read_bytes() == before


def test_ctrl_c_leaves_a_report(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def interrupted(record: object) -> None:
        seen.append(record)
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("runner.report.progress.Tally.add", lambda self, record: interrupted(record))
    command = ["-m", "experiment=mse", "seed=range(5)", *QUICK]
    outcome = run(*command)
    assert outcome.status == 130
    assert outcome.err.startswith("interrupted. ")
    assert outcome.err.endswith("the same command with hydra.sweep.dir=sweep runs the rest\n")
    assert len(csv.read(tmp_path / "sweep" / csv.NAME)) == 6
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert "5 points: 3 found in the ledger, 3 skipped, 2 to run" in run(*command).out


def test_a_launcher_with_the_grid_is_refused_with_the_two_ways_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own/hydra/launcher").mkdir(parents=True)
    launcher = "_target_: hydra._internal.core_plugins.basic_launcher.BasicLauncher\n"
    (tmp_path / "own/hydra/launcher/other.yaml").write_text(launcher)
    command = ["--config-dir", "own", "-m", "hydra/launcher=other", "experiment=mse", "seed=1,2", *QUICK]
    outcome = run(*command)
    assert outcome.status == 2
    assert "hydra/launcher=other" in outcome.err
    assert "workers=4" in outcome.err
    assert "hydra/sweeper=basic" in outcome.err
    assert run(*command, "hydra/sweeper=basic").status == 0


def test_quiet_prints_only_what_went_wrong(run: Run) -> None:
    assert run("-m", "experiment=mse", "seed=1,2", "quiet=true", *QUICK).out == ""


@pytest.mark.parametrize("sweep", ["shapes", "dtypes", "scaling"])
def test_a_named_sweep_needs_no_flag_and_takes_another_experiment(run: Run, sweep: str) -> None:
    outcome = run(f"sweep={sweep}", "experiment=matvec", "seed=1", "derivation=outer_product", *QUICK)
    assert outcome.status == 0
    assert " to run" in outcome.out


def test_a_column_of_time_is_all_that_workers_change(run: Run, tmp_path: Path, pool: str) -> None:
    command = ["-m", "experiment=mse,linear_mse", "seed=range(4)", "threads=1", *QUICK[:-1]]
    reports = []
    for folder, setting in (("here", "workers=0"), ("there", pool)):
        run(*command, setting, f"hydra.sweep.dir={folder}")
        reports.append(csv.read(tmp_path / folder / csv.NAME).drop(columns="started_at"))
    here, there = reports
    assert_frame_equal(here, there)


@pytest.mark.parametrize(
    ("changed", "name"), [("judge", "the judge"), ("torch", "PyTorch"), ("settings", "")], ids=str
)
def test_verdicts_of_another_judge_do_not_stand_as_complete(
    run: Run, monkeypatch: pytest.MonkeyPatch, changed: str, name: str
) -> None:
    command = ["-m", "experiment=mse", "seed=1,2", *QUICK]
    run(*command)
    for module in (spec, job):
        if changed == "judge":
            monkeypatch.setattr(module, "judge_fingerprint", lambda: "another")
        elif changed == "torch":
            monkeypatch.setattr(module.torch, "__version__", "9.9")
    again = run(*command).out
    expected = (
        f"2 to run; 2 run again, for the code of {name} has changed" if name else "2 skipped, 0 to run\n"
    )
    assert expected in again
