"""Terms that are missing, or there twice: products of the upstream gradient and inputs."""

import pytest
from torch import Tensor

from tests.diagnose.diagnosed import NOTHING, OTHERS, T, U, X, told

W, B = OTHERS["w"], OTHERS["b"]
INPUTS = {"x": X, **OTHERS}


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (-U * W, "a term is missing: the upstream gradient * w"),
        (U * W, "a term is too much: the upstream gradient * w"),
        (-U * B, "a term is missing: the upstream gradient * b"),
        (-U * X * W, "a term is missing: the upstream gradient * x * w"),
        (-U * W * W, "a term is missing: the upstream gradient * w * w"),
        (-2 * U * W, "a term is missing: the upstream gradient * w, times 2"),
        (-U * W / 5, "a term is missing: the upstream gradient * w, times 1/5 (m)"),
    ],
)
def test_a_path_that_is_not_added(difference: Tensor, said: str) -> None:
    assert told(T + difference, inputs=INPUTS) == said


@pytest.mark.parametrize("difference", [-U * W.exp(), -U * X * W * B, -1.2345 * U * W])
def test_what_is_no_simple_product_is_not_one(difference: Tensor) -> None:
    assert told(T + difference, inputs=INPUTS).startswith(NOTHING)


def test_without_inputs_nothing_is_multiplied() -> None:
    assert told(T - U * W).startswith(NOTHING)
