"""Training by hand-derived gradients alone: GPT-2 beside autograd, and scikit-learn's digits."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

from runner.case.case import Case
from runner.case.spec import case_of
from runner.clock.memory import peak_mb
from runner.clock.timing import Side
from runner.formula import lookup
from runner.judge import manual, reference
from tests.registry import specification

RIGHT = 1e-10
OPTIMISERS: dict[str, Callable[[list[Tensor]], Optimizer]] = {
    "SGD": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "AdamW": lambda parameters: AdamW(parameters, lr=0.01, eps=1e-4, foreach=False),
}
MEASURED = {"layers": 4, "N": 4, "T": 64, "D": 128, "V": 512}


def trained(
    case: Case, optimiser: str, gradients: Callable[[Case], dict[str, Tensor]]
) -> tuple[dict[str, Tensor], list[float]]:
    """Take three steps from a case's own parameters; return where they end, and the loss before each."""
    parameters = {name: case.inputs[name].clone() for name in case.differentiable}
    steps, losses = OPTIMISERS[optimiser]([*parameters.values()]), []
    for _ in range(3):
        now = Case(case.formula, {**case.inputs, **parameters}, case.params, case.upstream)
        losses.append(float(now.results["loss"]))
        for name, gradient in gradients(now).items():
            parameters[name].grad = gradient
        steps.step()
    return parameters, losses


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_steps_of_gpt2_by_hand_end_where_those_of_autograd_do(optimiser: str) -> None:
    case = case_of(specification("gpt2", dtype="float64"))
    derivation = lookup("gpt2").derivations["reverse_sweep"]
    ours, losses = trained(case, optimiser, lambda now: manual.gradients(now, derivation))
    theirs, their_losses = trained(case, optimiser, reference.by_forward)
    assert losses == pytest.approx(their_losses, rel=RIGHT)
    assert losses[0] > losses[1] > losses[2]
    assert len(ours) == 28  # two embeddings, twelve parameters of each of two blocks, the last norm
    for name, parameter in ours.items():
        assert float((parameter - theirs[name]).abs().max()) <= RIGHT, name
        assert float((parameter - case.inputs[name]).abs().max()) > 1e-5, name


def test_gpt2_by_hand_needs_no_more_memory_than_autograd() -> None:
    spec = specification("gpt2", dtype="float32", shape=MEASURED, params={"heads": 4})
    case = case_of(spec)
    with torch.no_grad():
        ours = Side.of(lookup("gpt2").derivations["reverse_sweep"], case)
        theirs = Side.autograd(case, case.differentiable)
        peaks = [peak_mb(side.call, torch.device("cpu")) for side in (ours, theirs)]
    gradients = sum(case.inputs[name].nbytes for name in case.differentiable) / 1e6
    assert gradients < peaks[0] <= peaks[1]
    assert ours.saved_mb <= theirs.saved_mb


def test_the_digits_are_learned_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn: the extra `digits`")
    pytest.importorskip("matplotlib", reason="the curve is drawn by matplotlib: the extra `digits`")
    from examples import digits

    assert digits.main(["--steps", "20", "--folder", str(tmp_path)]) == 0
    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = [{**row} for row in csv.DictReader(file)]
    assert [(row["formula"], row["step"]) for row in rows] == [
        (name, step) for name in ("logistic_regression", "softmax_regression") for step in ("0", "10", "20")
    ]
    losses = [float(row["loss"]) for row in rows]
    assert losses == pytest.approx([0.69315, 0.47299, 0.39735, 2.30259, 1.53121, 1.10758], abs=1e-4)
    assert [float(row["test_accuracy"]) for row in rows[2::3]] == pytest.approx([0.864, 0.898], abs=0.003)
    assert "test accuracy 86.4% of 449 images" in capsys.readouterr().out
    assert "<!-- softmax_regression, test -->" in (tmp_path / "curve.svg").read_text()


def test_a_step_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    from examples import digits

    with pytest.raises(SystemExit) as ended:
        digits.main(["--steps", "0"])
    assert ended.value.code == 2
    assert "--steps: 0: must be above 0" in capsys.readouterr().err
