"""Bytes and operations, held against counts by hand."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from runner.clock.work import Work, work

A, B = torch.ones(20, 30), torch.ones(30, 50)
V = torch.ones(30)
IMAGE, KERNEL = torch.ones(2, 3, 8, 8), torch.ones(4, 3, 3, 3)

CASES: dict[str, tuple[Callable[[], Any], list[torch.Tensor], Work]] = {
    "nothing": (lambda: {}, [], Work(0, 0, 0)),
    "a view of what was read": (lambda: {"x": A.t()}, [A], Work(2400, 0, 0)),
    "elementwise": (lambda: {"x": A * 2}, [A], Work(4800, 0, 600)),
    "two in a chain": (lambda: {"x": (A * 2).exp()}, [A], Work(4800, 0, 1200)),
    "a sum": (lambda: {"x": A.sum()}, [A], Work(2404, 0, 600)),
    "a product of matrices": (lambda: {"x": A @ B}, [A, B], Work(2400 + 6000 + 4000, 60_000, 60_000)),
    "of a matrix and a vector": (lambda: {"x": A @ V}, [A, V], Work(2400 + 120 + 80, 0, 600)),
    "an expanded input": (lambda: {"x": V.expand(20, 30) * A}, [V.expand(20, 30), A], Work(4920, 0, 600)),
    "one that is read twice": (lambda: {"x": A * A.t().t()}, [A, A.t()], Work(4800, 0, 600)),
    "bfloat16": (lambda: {"x": A.bfloat16() * 2}, [A], Work(2400 + 1200, 0, 1200)),
    "a convolution": (
        lambda: {"x": torch.conv2d(IMAGE, KERNEL)},
        [IMAGE, KERNEL],
        Work(4 * (384 + 108 + 288), 2 * 288 * 27, 2 * 288 * 27),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_work_is_what_is_counted_by_hand(name: str) -> None:
    call, reads, expected = CASES[name]
    assert work(call, reads) == expected
