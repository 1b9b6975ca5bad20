"""A loss in words that can be read: in u, as a plain number, or as a count."""

import math

import pytest
import torch

from runner.compare import measure
from runner.judge.loss import loss

F32, F64 = torch.float32, torch.float64
U = 2.0**-24


@pytest.mark.parametrize(
    ("given", "truth", "said"),
    [
        (1 + 64 * U, 1.0, "off by 64 u, where 4 u are excused"),
        (3.0, 1.0, "off by 2, more than the truth itself (1 in size), where 2.38e-07 is excused"),
        (1.0, 1e-130, "off by 1, more than the truth itself (1e-130 in size), where 2.38e-07 is excused"),
        (1.0, 0.0, "off by 1 where the truth is zero and 2.38e-07 is excused"),
        (math.inf, 1.0, "1 elements are not finite, where the truth is"),
        (math.nan, 0.0, "1 elements are not finite, where the truth is"),
    ],
)
def test_a_loss_in_words(given: float, truth: float, said: str) -> None:
    errors = measure(torch.tensor([given, truth], dtype=F32), torch.tensor([truth, truth], dtype=F64))
    assert str(loss(errors, 4 * U, F32)) == said
