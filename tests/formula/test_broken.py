"""A file of `experiments/` that does not work gets one message, and keeps no other from running."""

import sys
from pathlib import Path

import pytest

from runner.files import formula_modules
from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("own_formulas")

CUBE = """
from runner.formula import register
def shapes(n: int):
    return {"x": (n,)}
def forward(x):
    return x**3
def power_rule(grad_y, x):
    return {"x": 3 * x**2 * grad_y}
register(shapes=shapes, forward=forward, gradients=[power_rule])
"""
SIZES = 'return {"x": (n,)}'
KEYWORD = (
    "FormulaError: cube_file: x has no default and is keyword-only: inputs are the positional arguments of "
    "forward, hyper-parameters the keyword-only ones with a default (cube_file.py:5)"
)
NO_TUPLE = "not a tuple of integers for each input, as in {'x': (2, 3)} (cube_file.py:3)"
BROKEN = {
    "syntax": ("def (", "cube_file: SyntaxError: invalid syntax (cube_file.py:1)"),
    "import": ("import torhc", "cube_file: ModuleNotFoundError: No module named 'torhc' (cube_file.py:1)"),
    "half": (CUBE + "1 / 0", "cube_file: ZeroDivisionError: division by zero (cube_file.py:10)"),
    "exits": ("raise SystemExit", "cube_file: SystemExit (cube_file.py:1)"),
    "no_dict": (CUBE.replace(SIZES, "return (n,)"), f"shapes returns (2,), {NO_TUPLE}"),
    "nothing": (CUBE.replace(SIZES, SIZES[7:]), f"shapes returns None, {NO_TUPLE}"),
    "no_tuple": (CUBE.replace("(n,)", "n"), f"shapes returns {{'x': 2}}, {NO_TUPLE}"),
    "floats": (CUBE.replace("(n,)", "(n / 2,)"), f"shapes returns {{'x': (1.0,)}}, {NO_TUPLE}"),
    "negative": (
        CUBE.replace("(n,)", "(n - 4,)"),
        "cube_file: shapes returns {'x': (-1,)}: a size is >= 0 (cube_file.py:3)",
    ),
    "raises": (
        CUBE.replace("(n,)", "(n // (n - 3),)"),
        "cube_file: shapes raises ZeroDivisionError: integer division or modulo by zero (cube_file.py:4)",
    ),
    "keyword": (CUBE.replace("forward(x)", "forward(*, x)"), KEYWORD),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_does_not_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    code, message = BROKEN[kind]
    (tmp_path / "cube_file.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cube_file", raising=False)
    found = {**formula_modules(), "cube_file": "cube_file"}
    monkeypatch.setattr("runner.formula.registry.formula_modules", lambda: found)
    for _ in range(2):  # the second time it is no better, and the message no other
        outcome = run("formula=cube_file", "shape.n=3", "timing=off")
        assert (outcome.status, outcome.folders) == (2, [])
        assert message in outcome.err
        assert len(outcome.err.splitlines()) == 1
    assert run("experiment=mse", "timing=off", "check=off").status == 0
