"""run() is pure, and its rows say where they come from."""

import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from runner.case.spec import case_of
from runner.environment import commit, environment
from runner.experiment import run
from runner.formula.kind import JACOBIAN
from runner.judge.reference import by_forward, rounding_floor
from runner.settings import Timing
from tests.registry import rows, specification

CLOCKS = {
    "manual_ms", "manual_iqr_ms", "autograd_ms", "autograd_iqr_ms", "forward_ms", "speedup", "speedup_low",
    "speedup_high", "noisy", "efficiency", "autograd_efficiency",
}  # fmt: skip


def test_the_same_specification_gives_the_same_rows() -> None:
    spec = specification("linear_mse", timing=Timing("quick", rounds=3, min_time=1e-4))
    one, other = ([vars(row) for row in rows(spec)] for _ in range(2))
    for row in (*one, *other):
        for name in CLOCKS | {"started_at"}:
            row.pop(name)
    assert one == other != []


def test_no_generator_is_left_behind() -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]
    run(specification("linear_mse"))
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]
    assert before == after


def test_the_key_covers_what_decides_the_result() -> None:
    keys = {
        specification("linear_mse", **change).key
        for change in ({}, {"seed": 1}, {"dtype": "float64"}, {"shape": {"m": 3}}, {"derivation": "jacobian"})
    }
    assert len(keys) == 5
    assert specification("linear_mse").key == specification("linear_mse").key


def test_provenance_is_in_every_row() -> None:
    found = rows(specification("mse"))
    assert [row.wrt for row in found] == ["pred", "y"]
    for row in found:
        assert row.torch_version == torch.__version__
        assert row.host == environment()["host"]
        assert row.threads == torch.get_num_threads()
        assert row.handgrad_version


def test_a_repository_around_an_environment_is_not_that_of_what_is_installed(tmp_path: Path) -> None:
    installed = tmp_path / "env/lib/site-packages/formulas"
    installed.mkdir(parents=True)
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", "a"]):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    assert commit(tmp_path)["git_sha"].startswith("g")
    assert commit(installed) == {"git_sha": "", "git_dirty": None}


def test_explicit_jacobians_are_held_against_the_full_autograd_jacobian() -> None:
    of_input = {row.wrt: row for row in rows(specification("matvec", derivation="jacobian_tensor"))}
    assert of_input["W"].gradient_shape == "20x1x20x5"
    assert {row.verdict for row in of_input.values()} == {"exact"}
    case = case_of(specification("matvec", shape={"m": 3, "n": 2}))
    assert by_forward(case, JACOBIAN)["W"].shape == (3, 1, 3, 2)


def test_the_floor_is_of_the_size_of_rounding() -> None:
    case = case_of(specification("linear_mse", dtype="float64"))
    truth = {"W": torch.zeros(20, 5, dtype=torch.float64)}
    exact = by_forward(case, JACOBIAN)["W"]
    assert exact.shape == (20, 5)
    floor = rounding_floor(case, {"W": exact})["W"]
    assert 0 < floor < 1e-14 * exact.abs().max()
    assert rounding_floor(case, truth)["W"] >= exact.abs().max() * 0.9


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_scale_and_offset(distribution: str) -> None:
    from runner.settings import Inputs

    plain = case_of(specification("mse", inputs=Inputs(distribution))).inputs["y"]
    moved = case_of(specification("mse", inputs=Inputs(distribution, scale=2.0, offset=100.0))).inputs["y"]
    assert torch.allclose(moved, plain * 2 + 100)
    row = rows(specification("mse", inputs=Inputs(distribution, scale=2.0, offset=100.0)))[0]
    assert row.distribution == f"{distribution}*2+100"
