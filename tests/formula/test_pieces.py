"""`register` reads a file by the names in it, and says what it misses."""

from typing import Any

import pytest

from runner.errors import FormulaError
from runner.formula import lookup
from runner.formula.pieces import of_module

pytestmark = pytest.mark.usefixtures("own_formulas")

SHAPES = "def shapes(n: int): return {'x': (n,)}\n"
FORWARD = "def forward(x): return 2 * x\n"
SAMPLE = "def sample(rng, n): return {'x': rng.normal((n,))}\n"
DOUBLE = "def double(grad_y): return {'x': 2 * grad_y}\n"
REGISTER = "from runner.formula import register\nregister(name='page', gradients=[double])\n"


def page(*parts: str) -> dict[str, Any]:
    """Run a file that consists of these parts."""
    namespace: dict[str, Any] = {"__name__": "family.page"}
    exec("".join(parts), namespace)
    return namespace


def test_shapes_forward_library_and_sample_are_found_by_their_names() -> None:
    library = FORWARD.replace("forward", "library")
    namespace = page(SHAPES, FORWARD, library, SAMPLE, DOUBLE, REGISTER)
    formula = lookup("page")
    for piece in ("shapes", "forward", "library", "sample"):
        assert getattr(formula, piece) is namespace[piece]


def test_what_is_passed_comes_first() -> None:
    passed = REGISTER.replace("name", "forward=lambda x: x + x, sample=None, name")
    namespace = page(SHAPES, FORWARD, SAMPLE, DOUBLE, passed)
    assert lookup("page").forward is not namespace["forward"]
    assert lookup("page").sample is None


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((SHAPES, DOUBLE), "family.page: there is no forward; define a function of that name"),
        ((SHAPES, DOUBLE), "Of shapes, forward, library, sample the file defines shapes."),
        ((FORWARD, DOUBLE), "family.page: there is no shapes; define a function of that name"),
        ((DOUBLE,), "the file defines none."),
        ((SHAPES, FORWARD, DOUBLE, "sample = 3\n"), "family.page: sample is a int, not a function"),
    ],
)
def test_what_is_missing_is_named(parts: tuple[str, ...], message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        page(*parts, REGISTER)
    assert message in str(caught.value)


def test_a_wrapped_function_finds_its_shapes_too() -> None:
    code = """
import torch
from runner.function import register_function
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return 2 * x
    @staticmethod
    def backward(ctx, grad_y): return 2 * grad_y
register_function(Twice, name="page", forward=forward)
"""
    namespace = page(SHAPES, FORWARD, code)
    assert lookup("page").shapes is namespace["shapes"]


def test_what_belongs_to_another_function_of_the_file_is_left_out(own_formulas: None) -> None:
    def sample(rng: Any) -> dict[str, Any]:
        return {}

    def other(x: Any) -> Any:
        return x

    namespace = {"shapes": dict, "forward": other, "sample": sample, "library": other, "__name__": "file"}
    assert of_module(namespace, {})["sample"] is sample
    assert "sample" not in of_module(namespace, {"shapes": list})
    assert "library" not in of_module(namespace, {"forward": dict})
    assert of_module(namespace, {"forward": other, "shapes": dict})["library"] is other
