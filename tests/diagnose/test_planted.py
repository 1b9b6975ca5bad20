"""Mistakes that people make in formulas of the registry, and what is said about them."""

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor

from runner.case.spec import case_of
from runner.diagnose import diagnose
from runner.formula.signature import signature
from runner.judge.reference import by_forward, in_float64
from tests.diagnose.diagnosed import BOUND, NOTHING, read
from tests.registry import specification


def planted(name: str, wrt: str, wrong: Callable[..., Tensor], **changes: Any) -> str:
    """Diagnose a wrong gradient of a formula of the registry, on float64 inputs, as the runner would."""
    spec = specification(name, **changes)
    case = in_float64(case_of(spec))
    (upstream,) = case.upstream.values()
    statement = diagnose(
        wrong(**signature(wrong).pick(case.values, rest=case.inputs)),
        by_forward(case)[wrt],
        BOUND,
        value=case.inputs[wrt],
        upstream=upstream,
        dimensions=spec.shape,
        params=spec.params,
    )
    return read(statement)


def mse_without_two_over_n(y: Tensor, pred: Tensor) -> Tensor:
    return pred - y


def mse_without_two(y: Tensor, pred: Tensor) -> Tensor:
    return (pred - y) / y.numel()


def mse_of_the_other_sign(y: Tensor, pred: Tensor) -> Tensor:
    return 2 / y.numel() * (y - pred)


def matvec_transposed(grad_y: Tensor, x: Tensor) -> Tensor:
    return x @ grad_y.T


def matmul_without_broadcast_sum(grad_Y: Tensor, A: Tensor) -> Tensor:
    return A.mT @ grad_Y


def layer_norm_without_mean(grad_y: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, w: Tensor) -> Tensor:
    xh, q = (x - mean) * rstd, grad_y * w
    return rstd * (q - xh * (q * xh).mean(-1, keepdim=True))


def layer_norm_without_second_mean(grad_y: Tensor, rstd: Tensor, w: Tensor) -> Tensor:
    q = grad_y * w
    return rstd * (q - q.mean(-1, keepdim=True))


def layer_norm_bias_without_sum(grad_y: Tensor) -> Tensor:
    return grad_y


def layer_norm_bias_by_mean(grad_y: Tensor) -> Tensor:
    return grad_y.mean((0, 1))


def variance_of_a_population(grad_v: Tensor, x: Tensor) -> Tensor:
    return 2 * grad_v[..., None] * (x - x.mean(-1, keepdim=True)) / x.shape[-1]


def variance_without_mean(grad_v: Tensor, x: Tensor) -> Tensor:
    return 2 * grad_v[..., None] * x / (x.shape[-1] - 1)


def variance_without_upstream(x: Tensor) -> Tensor:
    return 2 * (x - x.mean(-1, keepdim=True)) / (x.shape[-1] - 1)


def relu_without_mask(grad_y: Tensor) -> Tensor:
    return grad_y


def relu_of_ones(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype)


def linear_of_one_row(grad_y: Tensor) -> Tensor:
    return grad_y[0, 0]


SQUARE = {"shape": {"m": 5, "n": 5}}
MISTAKES = [
    ("mse", "pred", mse_without_two_over_n, "off by a factor of 5/2 (n/2)"),
    ("mse", "pred", mse_without_two, "off by a factor of 1/2"),
    ("mse", "pred", mse_of_the_other_sign, "the sign is wrong: the gradient is -1 times the truth"),
    ("matvec", "W", matvec_transposed, "shape (5, 20) instead of (20, 5): the right gradient, transposed"),
    (
        "matmul",
        "B",
        matmul_without_broadcast_sum,
        "the sum over axis 0 is missing; with it the gradient is right",
    ),
    ("layer_norm", "x", layer_norm_without_mean, "off by a number that is constant along axis 2, 0."),
    ("layer_norm", "x", layer_norm_without_mean, "and right once its mean is subtracted there"),
    ("layer_norm", "x", layer_norm_without_second_mean, "off by a linear function of the input, another in"),
    ("layer_norm", "b", layer_norm_bias_without_sum, "the sum over axes 0 and 1 is missing; with it the"),
    ("layer_norm", "b", layer_norm_bias_by_mean, "off by a factor of 1/6 (the product of batch)"),
    ("variance", "x", variance_of_a_population, "off by a factor of 10/11 ((n-1)/n)"),
    ("variance", "x", variance_without_mean, "and right once its mean is subtracted there"),
    ("variance", "x", variance_without_upstream, "multiplied by the upstream gradient, element by element"),
    ("relu", "x", relu_without_mask, "the gradient is the upstream gradient: no derivative is applied"),
    (
        "relu",
        "x",
        relu_of_ones,
        "multiplied by the upstream gradient, element by element, the gradient is right",
    ),
    ("linear", "b", linear_of_one_row, NOTHING + "5 of 5 elements differ, the worst at ["),
]


@pytest.mark.parametrize(("name", "wrt", "wrong", "words"), MISTAKES)
def test_mistakes_in_the_registry(name: str, wrt: str, wrong: Callable[..., Tensor], words: str) -> None:
    upstream = "ones" if name == "mse" else "normal"
    assert words in planted(name, wrt, wrong, upstream=upstream)


def test_a_square_shape_hides_a_transpose_from_the_shapes_alone() -> None:
    sentence = planted("matvec", "W", matvec_transposed, upstream="normal", **SQUARE)
    assert sentence == "the right numbers, transposed"
