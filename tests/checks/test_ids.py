"""Integers that are distributed in another way than at random."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runner.formula import Draw
from runner.formula.draw import IDS
from runner.settings import Inputs
from tests.checks.planting import judged
from tests.conftest import Plant

Gradients = dict[str, Tensor]


def shapes(ids: int, V: int, d: int) -> dict[str, tuple[int, ...]]:
    return {"ids": (ids,), "W": (V, d)}


def sample(rng: Draw, ids: int, V: int) -> Gradients:
    return {"ids": rng.integers((ids,), 0, V)}


def embedding(ids: Tensor, W: Tensor) -> Tensor:
    return W[ids]


def added(grad_y: Tensor, ids: Tensor, W: Tensor) -> Gradients:
    return {"W": torch.zeros_like(W).index_add(0, ids, grad_y)}


def right_up_to_seven(grad_y: Tensor, ids: Tensor, W: Tensor) -> Gradients:
    """Add what fits into a bucket of seven, as a kernel does that counts on ids which are spread."""
    kept = torch.stack([(ids[:i] == ids[i]).sum() < 7 for i in range(len(ids))]) if len(ids) else ids
    return {"W": torch.zeros_like(W).index_add(0, ids, grad_y * kept[:, None])}


def test_ids_that_all_choose_one_row_are_visited(plant: Plant) -> None:
    parts: dict[str, Any] = {
        "shapes": shapes,
        "sample": sample,
        "forward": embedding,
        "shape": {"ids": 12, "V": 16, "d": 2},
    }
    right, wrong = judged(plant, added, right_up_to_seven, **parts)
    assert (right.verdict, right.failed_checks) == ("exact", "")
    assert wrong.verdict == "wrong"
    assert "other_ids" in wrong.failed_checks


@pytest.mark.parametrize("ids", IDS)
def test_every_distribution_stays_in_its_range(ids: str) -> None:
    drawn = Draw(0, Inputs(ids=ids)).integers((50, 20), 3, 11)
    assert (drawn.shape, drawn.dtype) == ((50, 20), torch.int64)
    assert {*drawn.flatten().tolist()} <= {*range(3, 11)}
    assert torch.equal(drawn, Draw(0, Inputs(ids=ids)).integers((50, 20), 3, 11))


def test_ids_repeat_as_words_do() -> None:
    counts = Draw(0, Inputs(ids="zipf")).integers((100_000,), 0, 8).bincount(minlength=8)
    expected = 1 / torch.arange(1, 9)
    assert torch.allclose(counts / 100_000, expected / expected.sum(), atol=0.01)


def test_one_row_and_sorted() -> None:
    assert len({*Draw(3, Inputs(ids="one_row")).integers((81,), 0, 100).tolist()}) == 1
    in_order = Draw(3, Inputs(ids="sorted")).integers((9, 9), 0, 100).flatten()
    assert torch.equal(in_order, in_order.sort().values)
    assert len({*in_order.tolist()}) > 9


def test_ties_are_not_ids() -> None:
    assert {*Draw(0, Inputs("ties", ids="one_row")).default((64,)).tolist()} == {-1, 0, 1}
