"""The figures of the notebook that handgrad began with, bit for bit."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from runner.case.spec import case_of
from tests.registry import rows, specification


def rand(*size: int) -> Tensor:
    return torch.rand(size)


# The notebook's expressions, on numbers drawn as the notebook drew them, and the figures it printed.
OUTPUTS: dict[str, tuple[str, float, Callable[[], Tensor]]] = {
    "dot_product": ("f", 2.0232625007629395, lambda: dot(rand(5, 1), rand(5, 1))),
    "mse": ("loss", 0.1495937705039978, lambda: mse(rand(5, 1), rand(5, 1))),
    "linear_mse": ("loss", 2.3405699729929434, lambda: one_layer(rand(5, 1), rand(20, 5), rand(20, 1))),
    "two_layer_network": (
        "loss",
        63.38394546508789,
        lambda: two_layers(rand(5, 1), rand(9, 5), rand(7, 9), rand(7, 1)),
    ),
}


def dot(x: Tensor, w: Tensor) -> Tensor:
    return torch.matmul(w.T, x)


def mse(pred: Tensor, y: Tensor) -> Tensor:
    return torch.mean((y - pred) ** 2)


def one_layer(x: Tensor, W: Tensor, y: Tensor) -> Tensor:
    return mse(torch.matmul(W, x), y)


def two_layers(x: Tensor, W1: Tensor, W2: Tensor, y: Tensor) -> Tensor:
    return mse(torch.matmul(W2, torch.matmul(W1, x)), y)


EXACT = {
    ("dot_product", "product", "w"),
    ("dot_product", "product", "x"),
    ("matvec", "outer_product", "W"),
    ("matvec", "outer_product", "x"),
    ("matvec", "jacobian", "W"),
    ("matvec", "jacobian_tensor", "W"),
    ("mse", "residual", "pred"),
    ("mse", "residual", "y"),
    ("linear_mse", "jacobian", "W"),
    ("linear_mse", "outer_product", "W"),
    ("two_layer_network", "rows", "W1"),
    ("two_layer_network", "columns", "W1"),
}


@pytest.mark.parametrize("experiment", OUTPUTS)
def test_output(experiment: str) -> None:
    name, figure, expression = OUTPUTS[experiment]
    result = case_of(specification(experiment)).results[name].item()
    torch.manual_seed(42)
    assert result == expression().item()
    # A product of matrices rounds as the processor's kernel adds: two figures 2 ulp apart were seen.
    assert abs(result - figure) <= 4 * float(np.spacing(np.float32(figure)))


def test_inputs_of_the_dot_product() -> None:
    inputs = case_of(specification("dot_product")).inputs
    assert inputs["x"][0].item() == 0.8822692632675171
    assert inputs["w"][4].item() == 0.13318592309951782
    assert list(inputs) == ["x", "w"]


@pytest.mark.parametrize(
    ("experiment", "order", "sizes"),
    [
        ("matvec", "W x", [(20, 5), (5, 1)]),
        ("mse", "pred y", [(5, 1), (5, 1)]),
        ("linear_mse", "x W y", [(5, 1), (20, 5), (20, 1)]),
        ("two_layer_network", "x W1 W2 y", [(5, 1), (9, 5), (7, 9), (7, 1)]),
    ],
)
def test_order_and_sizes_of_inputs(experiment: str, order: str, sizes: list[tuple[int, ...]]) -> None:
    inputs = case_of(specification(experiment)).inputs
    assert list(inputs) == order.split()
    assert [tuple(value.shape) for value in inputs.values()] == sizes
    torch.manual_seed(42)
    assert all(torch.equal(value, torch.rand(value.shape)) for value in inputs.values())


@pytest.mark.parametrize("experiment", sorted({name for name, _, _ in EXACT}))
def test_exact(experiment: str) -> None:
    verdicts = {
        (row.experiment, row.derivation, row.wrt): row.verdict for row in rows(specification(experiment))
    }
    expected = {key for key in EXACT if key[0] == experiment}
    assert {key for key in expected if verdicts[key] == "exact"} == expected


@pytest.mark.parametrize("layers", [[5, 20], [4, 8, 8, 3], [1, 1], [3, 2, 5, 7, 2]])
@pytest.mark.parametrize("batch", [1, 6])
def test_linear_network_at_every_depth(layers: list[int], batch: int) -> None:
    found = rows(specification("linear_network", shape={"layers": layers, "batch": batch}))
    weights = [f"W{i}" for i in range(1, len(layers))]
    assert {row.wrt for row in found if row.derivation == "columns"} == {"x", "y", *weights}
    assert {row.verdict for row in found} <= {"exact", "correct"}
