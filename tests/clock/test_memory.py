"""Memory, held against counts by hand."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from runner.clock.memory import keeping, peak_mb, size_mb

CPU = torch.device("cpu")
X = torch.ones(1000, 250)  # 1 MB
S = torch.eye(300) * 2


def chain(x: Tensor) -> Tensor:
    a = x * 2
    b = a.exp()
    del a
    return b + 1


def kept_alive(x: Tensor) -> Tensor:
    a = x * 2
    b = a + 1
    return a + b


def in_turn(x: Tensor) -> Tensor:
    for _ in range(5):
        x = x + 1
    return x


CASES: dict[str, tuple[Callable[[], Any], float]] = {
    "nothing": (lambda: None, 0.0),
    "a view": (lambda: X.t().reshape(250, 1000)[3:], 0.0),
    "in place": (lambda: X.mul_(1.0), 0.0),
    "one result": (lambda: X * 2, 1.0),
    "two at a time": (lambda: chain(X), 2.0),
    "three at a time": (lambda: kept_alive(X), 3.0),
    "five in turn, two at a time": (lambda: in_turn(X), 2.0),
    "a sum": (lambda: X.sum(dim=0), 0.001),
    "a copy of a transposed one, and 14 kB to turn it": (lambda: X.t().contiguous(), 1.0144),
    "float64": (lambda: X.double(), 2.0),
    "an outer product": (lambda: torch.outer(X[0], X[:, 0]), 1.0),
    "inside of a kernel": (lambda: torch.linalg.cholesky(S), 0.36),
}


@pytest.mark.parametrize("name", CASES)
def test_the_peak_is_what_is_counted_by_hand(name: str) -> None:
    call, megabytes = CASES[name]
    assert peak_mb(call, CPU) == pytest.approx(megabytes, rel=1e-3, abs=2e-5)


def test_what_was_there_before_does_not_count() -> None:
    before = [torch.ones(1000, 1000) for _ in range(3)]
    assert peak_mb(before.clear, CPU) == 0.0


def test_nothing_is_printed_by_the_profiler(capfd: pytest.CaptureFixture[str]) -> None:
    peak_mb(lambda: X + 1, CPU)
    assert capfd.readouterr() == ("", "")


def test_what_raises_inside_leaves_the_profiler_stopped() -> None:
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        peak_mb(fails, CPU)
    assert peak_mb(lambda: X * 2, CPU) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize(
    ("forward", "megabytes"),
    [
        (lambda x: x.sum(), 0.0),
        (lambda x: x.exp(), 1.0),
        (lambda x: (x * 2).exp().sin(), 1.0),  # exp its result, which sin takes; x * 2 nothing
        (lambda x: x.exp() * x.sin(), 2.0),
        (lambda x: x * x, 0.0),  # the input itself
        (lambda x: torch.softmax(x, -1), 1.0),
        (lambda x: (x > 0.5) * x, 0.25),  # a mask of bytes
    ],
)
def test_saved_is_what_forward_keeps_beyond_its_inputs(
    forward: Callable[[Tensor], Tensor], megabytes: float
) -> None:
    x = X.clone().requires_grad_()
    with torch.enable_grad(), keeping() as kept:
        result = forward(x)
    assert size_mb(kept, [x]) == pytest.approx(megabytes)
    assert result.requires_grad


def test_a_storage_counts_once() -> None:
    y = torch.ones(250_000)
    assert size_mb([y, y[:10], y.view(500, 500), y.t()], []) == pytest.approx(1.0)
