"""What a derivation leaves changed in the process."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from runner import process
from tests.checks.planting import judged
from tests.conftest import Plant

SHAPE = {"m": 3, "n": 5}
DETERMINISTIC = "the deterministic mode"
CHANGES: dict[str, tuple[str, Callable[[], Any]]] = {
    "dtype": ("the default dtype", lambda: torch.set_default_dtype(torch.float64)),
    "device": ("the default device", lambda: torch.set_default_device("meta")),
    "recording": ("whether autograd records", lambda: torch._C._set_grad_enabled(True)),
    "autocast": ("autocast", lambda: torch.set_autocast_enabled("cpu", True)),
    "threads": ("the number of threads", lambda: torch.set_num_threads(3)),
    "deterministic": (DETERMINISTIC, lambda: torch.use_deterministic_algorithms(True)),
    "products": ("the precision of float32 products", lambda: torch.set_float32_matmul_precision("medium")),
    "cudnn": ("cudnn.deterministic", lambda: setattr(torch.backends.cudnn, "deterministic", True)),
}
SEEDS: dict[str, Callable[[int], Any]] = {
    "torch": torch.manual_seed,
    "NumPy": np.random.seed,
    "Python": random.seed,
}


def product(grad_y: Tensor, W: Tensor, x: Tensor) -> dict[str, Tensor]:
    return {"W": torch.outer(grad_y, x), "x": W.mT @ grad_y}


def then(act: Callable[[], Any]) -> Callable[..., Any]:
    def derivation(grad_y: Tensor, W: Tensor, x: Tensor) -> dict[str, Tensor]:
        found = product(grad_y, W, x)
        act()
        return found

    return derivation


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_left_changed_is_named_and_put_back(plant: Plant, change: str) -> None:
    name, act = CHANGES[change]
    before = process.settings()
    first, second, *rest = judged(plant, then(act), product, shape=SHAPE)
    assert process.settings() == before
    assert (first.verdict, second.verdict) == ("invalid", "invalid")
    assert first.failed_checks == "global_state"
    assert f"{name} is left changed by the call" in first.diagnosis
    assert {row.failed_checks for row in rest} == {""}, "what one leaves behind is no fault of the next"


@pytest.mark.parametrize("generator", SEEDS)
def test_a_generator_that_is_seeded_is_named(plant: Plant, generator: str) -> None:
    found = judged(plant, then(lambda: SEEDS[generator](0)), shape=SHAPE)
    assert {row.failed_checks for row in found} == {"global_state"}
    assert f"seeds the generator of {generator}'s random numbers" in found[0].diagnosis


@pytest.mark.parametrize("draw", [lambda: torch.rand(3), lambda: np.random.rand(3), random.random])
def test_random_numbers_may_be_drawn(plant: Plant, draw: Callable[[], Any]) -> None:
    found = judged(plant, then(draw), shape=SHAPE)
    assert {row.failed_checks for row in found} == {""}
    assert "draws from" in found[0].notes
