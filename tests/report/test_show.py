"""The page of one experiment, as it is read in a terminal of 80 columns."""

import pytest
from rich.console import Console
from torch import Tensor

from runner.formula import lookup
from runner.report import show
from tests.conftest import Plant, Run
from tests.registry import specification
from tests.test_planted import not_a_number, right, transposed

WIDTH = 80
SIDES = ("manual", "autograd")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "console", lambda: Console(width=WIDTH))


@pytest.mark.parametrize("formula", ["mse", "layer_norm", "linear_network", "cross_entropy"])
def test_every_part_in_80_columns(capsys: pytest.CaptureFixture[str], formula: str) -> None:
    show.show(specification(formula))
    printed, record = capsys.readouterr().out, lookup(formula)
    assert max(map(len, printed.splitlines())) <= WIDTH
    assert " ".join(record.latex.split()) in " ".join(printed.split())
    assert printed.count("autograd") >= len(record.derivations)


def page(run: Run, *command: str) -> str:
    out = run(*command, "show=true", "timing=off", "check=off").out
    return "\n".join(map(str.rstrip, out.splitlines()))


def test_narrow_tensors_stand_beside_each_other(run: Run) -> None:
    assert page(run, "experiment=mse").count("  manual       autograd\n  [[ 0.1125],  [[ 0.1125],\n") == 1


def test_wide_ones_stand_one_below_the_other(run: Run) -> None:
    lines = page(run, "experiment=matvec", "shape.m=1", "shape.n=7").splitlines()
    manual, autograd = (next(line for line in lines if line.startswith(f"  {whose}  ")) for whose in SIDES)
    assert manual.split()[1:] == autograd.split()[1:]
    assert manual.index("[[") == autograd.index("[[")


def off(grad_y: Tensor, W: Tensor, x: Tensor) -> dict[str, Tensor]:
    gradients = right(grad_y, W, x)
    gradients["x"][3] += 0.5
    return gradients


def test_where_they_differ_most(run: Run, plant: Plant) -> None:
    plant(off, right, transposed, not_a_number)
    printed = page(run, "formula=planted", "shape.m=2", "shape.n=5", "upstream=ones")
    assert "\n  largest difference 0.5, at [3]: " in printed
    assert "\n  largest difference nan, at [" in printed
    assert "\n  the gradient's shape is (5, 2); that of the input is (2, 5)\n" in printed
    assert "\n  no difference\n" in printed
