"""The command line as a user meets it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from runner.files import CONF
from runner.record import COLUMNS
from tests.conftest import Run

QUIET = "timing=off"


def test_single_run_writes_its_report(run: Run) -> None:
    outcome = run("experiment=two_layer_network", "shape.layers=[5,20,7]", "seed=3", "dtype=float64")
    assert outcome.status == 0
    assert {row["shape"] for row in outcome.rows} == {"layers=[5,20,7] batch=1"}
    assert {(row["seed"], row["dtype"], row["status"]) for row in outcome.rows} == {
        (3, "float64", "completed")
    }
    assert {row["wrt"] for row in outcome.rows} == {"x", "y", "W1", "W2"}
    assert all(
        row["manual_ms"] > 0 and row["autograd_ms"] > 0 and row["forward_ms"] > 0 for row in outcome.rows
    )
    assert all(row["manual_iqr_ms"] >= 0 and row["speedup"] > 0 for row in outcome.rows)
    (folder,) = outcome.folders
    assert {path.name for path in folder.iterdir()} == {
        ".hydra", "report.csv", "summary.csv", "environment.json", "ledger.jsonl", "ledger.lock",
    }  # fmt: skip
    assert list(outcome.report.columns) == [column.name for column in COLUMNS]
    assert (
        json.loads((folder / "environment.json").read_text())["torch_version"]
        == outcome.rows[0]["torch_version"]
    )


def test_multirun_writes_one_report(run: Run) -> None:
    outcome = run(
        "-m", "experiment=linear_mse", "shape.m=5,20", "shape.n=3,5", "seed=range(3)",
        "dtype=float32,float64", QUIET,
    )  # fmt: skip
    points = {(row["shape"], row["seed"], row["dtype"]) for row in outcome.rows}
    shapes = {f"m={m} n={n}" for m in (5, 20) for n in (3, 5)}
    assert points == {(s, seed, d) for s in shapes for seed in range(3) for d in ("float32", "float64")}
    assert len(outcome.rows) == 24 * 4
    assert {row["verdict"] for row in outcome.rows} <= {"exact", "correct"}
    assert len({row["key"] for row in outcome.rows}) == 24
    assert outcome.status == 0
    assert "96 rows: " in outcome.out
    assert "report: " in outcome.out


def test_named_sweep_needs_no_flag(run: Run) -> None:
    outcome = run("sweep=notebook", QUIET)
    assert outcome.status == 0
    assert {row["experiment"] for row in outcome.rows} == {
        "dot_product", "matvec", "mse", "linear_mse", "two_layer_network", "linear_network",
    }  # fmt: skip


def test_derivations_can_be_chosen(run: Run) -> None:
    assert {row["derivation"] for row in run("experiment=matvec", "derivation=jacobian", QUIET).rows} == {
        "jacobian"
    }


def test_formula_without_an_experiment(run: Run) -> None:
    outcome = run("formula=matvec", "shape.m=3", "shape.n=2", QUIET)
    assert {row["experiment"] for row in outcome.rows} == {"matvec"}
    assert outcome.status == 0


def test_show_prints_statement_and_gradients(run: Run) -> None:
    out = run("experiment=dot_product", "show=true", QUIET).out
    for piece in (
        "Dot product of two column vectors",
        "x 5x1 =",
        "2.0232625007629395",
        "dL/dw 5x1",
        "0.8823",
    ):
        assert piece in out


BAD = [
    ("experiment=two_layer", "unknown experiment 'two_layer'; did you mean 'two_layer_network'?"),
    ("formula=matvek", "unknown formula 'matvek'; did you mean 'matvec'?"),
    ("experiment=mse derivation=residul", "unknown derivation 'residul'; did you mean 'residual'?"),
    ("experiment=mse sed=3", "unknown key 'sed'; did you mean 'seed'?"),
    ("experimnt=mse", "unknown key 'experimnt'; did you mean 'experiment'?"),
    ("experiment=mse inputs.scal=2", "unknown key 'inputs.scal'; did you mean 'inputs.scale'?"),
    ("experiment=mse seed=abc", "seed: Value 'abc' of type 'str' could not be converted to Integer"),
    ("experiment=mse seed=-1", "seed=-1: must be an integer >= 0"),
    ("experiment=mse seed=99999999999999999999999", "seed=99999999999999999999999: must be"),
    ("experiment=mse shape.k=3", "unknown dimension in shape 'k'. There is: n."),
    ("experiment=mse shape.n=0", "mse: shape.n=0: must be an integer >= 1"),
    ("experiment=mse shape.n=-2", "mse: shape.n=-2: must be an integer >= 1"),
    ("experiment=mse shape.n=1.5", "mse: shape.n=1.5: must be an integer >= 1"),
    ("experiment=mse shape.n=true", "mse: shape.n=True: must be an integer >= 1"),
    ("experiment=mse shape.n=[1,2]", "mse: shape.n=[1, 2]: must be an integer >= 1"),
    ("experiment=linear_network shape.layers=[5]", "shape.layers=[5]: needs two sizes or more"),
    ("experiment=linear_network shape.layers=[5,0]", "must be a list of integers >= 1"),
    ("experiment=mse shape=3", "shape: Cannot assign int"),
    ("experiment=mse params.eps=1", "unknown hyper-parameter in params 'eps'. There is: none."),
    ("experiment=mse dtype=float23", "unknown dtype 'float23'; did you mean 'float32'?"),
    ("experiment=mse device=gpu", "unknown device 'gpu'"),
    ("experiment=mse device=cuda:99", "device=cuda:99: PyTorch"),
    ("experiment=mse device=cpu:1", "only cuda takes an index"),
    ("experiment=mse upstream=one", "unknown upstream 'one'; did you mean 'ones'?"),
    ("experiment=mse inputs.distribution=unifrm", "did you mean 'uniform'?"),
    ("experiment=embedding inputs.ids=zpif", "unknown inputs.ids 'zpif'; did you mean 'zipf'?"),
    ("experiment=mse fail_on=rong", "unknown fail_on 'rong'; did you mean 'wrong'?"),
    ("experiment=mse timing=fast", "unknown timing 'fast'. There is: off, precise, quick."),
    ("experiment=mse timing.rounds=-1", "timing.rounds=-1: must be an integer from 3 to 10000"),
    ("experiment=mse timing.min_time=-1", "timing.min_time=-1.0: must be a finite number > 0"),
    ("experiment=mse timing.cache=hot", "unknown timing.cache 'hot'. There is: cold, warm."),
    ("experiment=mse execution=jit", "unknown execution 'jit'. There is: compile, eager."),
    ("experiment=mse alone=k", "mse: unknown dimension in alone 'k'."),
    ("experiment=mse alone=-1", "mse: unknown dimension in alone '-1'."),
    ("experiment=mse timing.min_time=0", "timing.min_time=0.0: must be a finite number > 0"),
    ("", "nothing to run: choose experiment=..., one of"),
    ("-m experiment=mse,msq", "unknown experiment 'msq'; did you mean 'mse'?"),
    ("-m experiment=mse seed=1,b", "seed: Value 'b' of type 'str'"),
    ("-m experiment=mse seed=choice(1,2),3", "a sweep function does not mix with a comma list"),
    ("experiment=mse,matvec", "Ambiguous value for argument"),
    ("experiment=mse hydra.run.dir=/proc/none/here", "/proc/none: No such file or directory"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "message"), BAD, ids=[command or "nothing" for command, _ in BAD])
def test_bad_input(run: Run, command: str, message: str) -> None:
    outcome = run(*command.split())
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert "Traceback" not in outcome.err
    assert outcome.folders == [], "nothing half written"


@pytest.mark.parametrize("flag", ["--debug", "debug=true"])
def test_debug_prints_the_traceback(run: Run, flag: str) -> None:
    outcome = run("experiment=mse", "seed=-1", flag)
    assert outcome.status == 2
    assert "Traceback" in outcome.err
    assert outcome.err.rstrip().endswith("error: seed=-1: must be an integer >= 0, and below 2^63")


@pytest.mark.parametrize(
    "point", ["shape.n=1,0", "shape.n=1 shape.k=1,2", "seed=1,-1", "dtype=float32,float23"]
)
def test_a_bad_point_is_refused_before_any_runs(run: Run, point: str) -> None:
    outcome = run("-m", "experiment=mse", *point.split(), QUIET)
    assert outcome.status == 2
    assert "in the point: experiment=mse" in outcome.err
    assert outcome.folders == []


def test_a_bad_point_of_a_sweep_by_hydra_has_its_row(run: Run) -> None:
    outcome = run("-m", "hydra/sweeper=basic", "experiment=mse", "shape.n=1,0,3", QUIET)
    assert [row["status"] for row in outcome.rows] == ["failed"] + ["completed"] * 4
    assert outcome.rows[0]["error"] == "mse: shape.n=0: must be an integer >= 1"
    assert outcome.status == 2


@pytest.mark.parametrize("yaml", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda yaml: yaml.stem)
def test_every_experiment_has_a_comment(yaml: Path) -> None:
    first, comment, *_ = yaml.read_text().splitlines()
    assert first == "# @package _global_"
    assert comment.startswith("# ")


@pytest.mark.parametrize("line", (CONF / "config.yaml").read_text().partition("\nhydra:")[0].splitlines())
def test_every_setting_stands_in_the_config_with_a_comment(line: str) -> None:
    is_setting = ":" in line and not line.strip().startswith("#") and line.rstrip()[-1] != ":"
    assert not is_setting or "#" in line


def prints(arguments: Sequence[str], typed: str = "") -> str:
    """Return what a process prints that must import nothing of what only a run needs."""
    code = (
        "import sys\nfrom runner.command.app import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert not {'torch', 'pandas', 'distributed', 'filelock'} & {*sys.modules}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={"COMP_LINE": typed, "PATH": "", "HOME": ""},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["experiment=mse", "--cfg", "job"],
        ["experiment=softmax", "--cfg", "job"],
        ["--info", "defaults"],
    ],
)
def test_no_torch_and_no_pandas_where_nothing_runs(arguments: list[str]) -> None:
    assert prints(arguments)


@pytest.mark.parametrize("command", ["handgrad", "handgrad run", "python -m runner"])
def test_completion_needs_neither_torch_nor_pandas(command: str) -> None:
    completed = prints(["--shell-completion", "query=bash"], typed=f"{command} experiment=")
    assert "experiment=two_layer_network" in completed
    assert "experiment=softmax" in completed


def test_a_run_waits_for_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom runner.command.app import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert 'torch' in sys.modules\n"
        "assert not {'pandas', 'distributed', 'psutil'} & {*sys.modules}"
    )
    command = [sys.executable, "-c", code, "experiment=dot_product", "timing=off"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={"PATH": "", "HOME": ""})
    assert done.returncode == 0, done.stderr
