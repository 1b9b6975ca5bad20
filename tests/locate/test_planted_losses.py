"""Eight losses of accuracy, each in one line of a derivation that is right: that line is named."""

from pathlib import Path
from typing import NamedTuple

import pytest

from runner.case.resolve import resolve
from runner.experiment import run
from runner.locate.judged import explained
from runner.settings import Config, Inputs
from tests.registry import INACCURATE, specification

PAGE = '''"""A function with a derivative that is right, and loses digits in one line."""

import torch
from torch import Tensor

from runner.formula import Example, Gradients, Sizes, register


def shapes(N: int, n: int) -> Sizes:
    return {{"x": (N, n)}}


def forward(x: Tensor) -> Tensor:
    return {forward}


def by_hand(grad_y: Tensor, x: Tensor) -> Gradients:
    {body}


register(gradients=[by_hand], name="{name}", example=Example(shape={{"N": 4, "n": {n}}}))
'''


class Loss(NamedTuple):
    """A function, the lines of its derivative, of which one ends with a mark, and where it is looked at."""

    forward: str
    body: tuple[str, ...]
    inputs: Inputs
    dtype: str = "float32"
    n: int = 64


def normal(scale: float = 1, offset: float = 0) -> Inputs:
    return Inputs("normal", scale=scale, offset=offset)


MARK = "  # here"
LOSSES = {
    "a variance from squares": Loss(
        "x.var(-1, correction=0).sqrt()",
        (
            "variance = (x * x).mean(-1, keepdim=True) - x.mean(-1, keepdim=True) ** 2  # here",
            "d = x - x.mean(-1, keepdim=True)",
            "d = d - d.mean(-1, keepdim=True)",
            'return {"x": grad_y[:, None] * d / (x.shape[-1] * variance.sqrt())}',
        ),
        normal(offset=100),
    ),
    "one minus a square": Loss(
        "torch.tanh(x)",
        ("slope = 1 - torch.tanh(x) ** 2  # here", 'return {"x": grad_y * slope}'),
        normal(offset=6, scale=0.1),
    ),
    "one minus a sigmoid": Loss(
        "torch.nn.functional.logsigmoid(x)",
        ("s = torch.sigmoid(x)  # here", "slope = 1 - s", 'return {"x": grad_y * slope}'),
        normal(offset=9, scale=0.1),
    ),
    "a difference of exponentials": Loss(
        "torch.cosh(x)",
        ("up, down = torch.exp(x), torch.exp(-x)  # here", 'return {"x": grad_y * (up - down) / 2}'),
        normal(scale=1e-3),
    ),
    "a polynomial multiplied out": Loss(
        "(x - 1) ** 3",
        ("slope = 3 * x * x - 6 * x + 3  # here", 'return {"x": grad_y * slope}'),
        normal(offset=1, scale=1e-3),
    ),
    "a distance multiplied out": Loss(
        "((x - 1) ** 2).sum(-1).sqrt()",
        (
            "squares = (x * x - 2 * x + 1).sum(-1, keepdim=True)  # here",
            "length = squares.sqrt()",
            'return {"x": grad_y[:, None] * (x - 1) / length}',
        ),
        normal(offset=1, scale=1e-3),
    ),
    "a sum in bfloat16": Loss(
        "x.exp().sum(-1).log()",
        (
            "e = torch.exp(x)",
            "total = torch.zeros_like(e[:, :1])",
            "for i in range(x.shape[-1]):",
            "    total = total + e[:, i : i + 1]  # here",
            'return {"x": grad_y[:, None] * e / total}',
        ),
        normal(),
        "bfloat16",
        200,
    ),
    "a logarithm of a large sum": Loss(
        "(x - x.amax(-1, keepdim=True)).exp().sum(-1).log() + x.amax(-1)",
        (
            "lse = torch.logsumexp(x, -1, keepdim=True)  # here",
            "p = torch.exp(x - lse)",
            'return {"x": grad_y[:, None] * p}',
        ),
        normal(offset=1000),
    ),
}


def page(folder: Path, which: str) -> tuple[str, int]:
    """Write the page of a loss; return its file and the line that is marked."""
    loss = LOSSES[which]
    name = f"lossy_{[*LOSSES].index(which)}"
    text = PAGE.format(forward=loss.forward, body="\n    ".join(loss.body), name=name, n=loss.n)
    file = folder / f"{name}.py"
    file.write_text(text)
    return str(file), text[: text.index(MARK)].count("\n") + 1


@pytest.mark.parametrize("which", LOSSES)
def test_the_line_that_loses_the_digits_is_named(which: str, tmp_path: Path) -> None:
    file, line = page(tmp_path, which)
    loss = LOSSES[which]
    config = Config(formula=Path(file).stem, plugins=[file], dtype=loss.dtype, inputs=loss.inputs)
    spec = resolve(config)
    (told,) = explained(spec, run(spec))
    assert (told.verdict, told.digits_lost_at) == ("inaccurate", f"{Path(file).name}:{line}")
    assert told.diagnosis[-1].name == "digits_lost"


@pytest.mark.parametrize("which", INACCURATE, ids=lambda which: which[0])
def test_the_inaccurate_cases_of_the_registry_name_the_line_that_is_there_to_show_it(
    which: tuple[str, str, str, str],
) -> None:
    experiment, derivation, wrt, dtype = which
    spec = specification(experiment, dtype=dtype)
    (told,) = (one for one in explained(spec, run(spec)) if (one.derivation, one.wrt) == (derivation, wrt))
    assert told.verdict == "inaccurate"
    file, _, line = told.digits_lost_at.rpartition(":")
    assert "a * x - a * x.mean" in Path(file).read_text().splitlines()[int(line) - 1]
