"""An error says where in the user's own code it comes from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from runner.compare import max_abs_error
from runner.errors import reason
from tests.conftest import Plant, Run
from tests.test_planted import right

HERE = Path(__file__).name


def line(function: Callable[..., Any]) -> int:
    """Return the line below a function's `def`."""
    return function.__code__.co_firstlineno + 1


def divides(*_: Any) -> int:
    return 1 // 0


def multiplies(*_: Any) -> Tensor:
    return torch.ones(2, 3) @ torch.ones(2, 3)


def asks_the_runner(*_: Any) -> float:
    return max_abs_error(None, None)  # type: ignore[arg-type]


def reads(*_: Any) -> Any:
    return Path("nowhere").read_text()


@pytest.mark.parametrize("raises", [divides, multiplies, asks_the_runner, reads], ids=lambda f: f.__name__)
def test_the_innermost_line_of_the_users_code(
    raises: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ArithmeticError, RuntimeError, AttributeError, OSError)) as raised:
        raises()
    assert reason(raised.value).endswith(f" ({HERE}:{line(raises)})")


def test_below_the_working_directory_a_file_has_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    with pytest.raises(ZeroDivisionError) as raised:
        divides()
    assert reason(raised.value).endswith(f" (tests/{HERE}:{line(divides)})")


def test_no_place_where_there_is_none() -> None:
    assert reason(KeyError()) == "KeyError"
    assert reason(ValueError("one\ntwo")) == "ValueError: one"


def test_a_derivation_says_its_line(plant: Plant, run: Run) -> None:
    def breaks(grad_y: Tensor) -> dict[str, Tensor]:
        return {"W": grad_y.view(7), "x": grad_y}

    plant(breaks)
    (row,) = run("formula=planted", "shape.m=3", "shape.n=5", "timing=off").rows
    assert row["error"].endswith(f"invalid for input of size 3 ({HERE}:{line(breaks)})")


def test_a_forward_says_its_line(plant: Plant, run: Run) -> None:
    def breaks(W: Tensor, x: Tensor) -> Tensor:
        return x @ W

    plant(right, forward=breaks)
    (row,) = run("formula=planted", "shape.m=3", "shape.n=5", "timing=off").rows
    assert row["error"].endswith(f"({HERE}:{line(breaks)})")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ([], "planted: breaks returns list, not {input: gradient}"),
        ({"W": 1.0}, "planted: breaks: the gradient of W is a float, not a tensor"),
    ],
)
def test_what_is_no_gradient_has_the_line_of_its_derivation(
    plant: Plant, run: Run, returned: Any, said: str
) -> None:
    def breaks(grad_y: Tensor) -> Any:
        return returned

    plant(breaks)
    (row,) = run("formula=planted", "shape.m=3", "shape.n=5", "timing=off").rows
    assert row["error"] == f"FormulaError: {said} ({HERE}:{line(breaks) - 1})"
