"""Which axes are dimensions, and what is drawn at other sizes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from runner.doors.dimensions import found
from runner.doors.draws import samplers
from runner.doors.judge import judge
from runner.formula.draw import Draw


def accepts(function: Callable[..., Any]) -> Callable[..., bool]:
    def runs(sizes: Any) -> bool:
        try:
            function(**{name: torch.zeros(size) for name, size in sizes.items()})
        except (RuntimeError, IndexError):
            return False
        return True

    return runs


CASES: dict[str, tuple[Callable[..., Any], dict[str, tuple[int, ...]], dict[str, list[tuple[str, int]]]]] = {
    "a row": (lambda x, w: x * w, {"x": (4, 8), "w": (8,)}, {"x0": [("x", 0)], "x1": [("x", 1), ("w", 0)]}),
    "all alike": (
        lambda a, b: a @ b,
        {"a": (4, 4), "b": (4, 4)},
        {"a0": [("a", 0)], "a1": [("a", 1), ("b", 0)], "b1": [("b", 1)]},
    ),
    "elementwise": (
        lambda x, y: x * y,
        {"x": (3, 5), "y": (3, 5)},
        {"x0": [("x", 0), ("y", 0)], "x1": [("x", 1), ("y", 1)]},
    ),
    "broadcast": (
        lambda x, b: x + b,
        {"x": (3, 5), "b": (1, 5)},
        {"x0": [("x", 0)], "x1": [("x", 1), ("b", 1)]},
    ),
    "square": (lambda A: torch.trace(A @ A), {"A": (3, 3)}, {"A0": [("A", 0), ("A", 1)]}),
    "a head of its own size": (lambda x: x.view(-1, 2, 4), {"x": (3, 8)}, {"x0": [("x", 0)]}),
    "a scalar": (lambda x, s: x * s, {"x": (3,), "s": ()}, {"x0": [("x", 0)]}),
}


@pytest.mark.parametrize(("function", "sizes", "right"), CASES.values(), ids=CASES)
def test_axes_that_change_together_are_one_dimension(function: Any, sizes: Any, right: Any) -> None:
    dimensions = found(sizes, accepts(function))
    assert {name: [*axes] for name, axes in dimensions.axes.items()} == right
    assert dimensions.at(**dimensions.sizes) == sizes


def test_labels_stay_within_every_size() -> None:
    tensors = {"z": torch.randn(4, 10), "labels": torch.tensor([1, 9, -100, 3])}
    like = samplers(tensors, torch.float32, frozenset())["labels"]
    drawn = like(Draw(0), (1000,), {"z": (1000, 3), "labels": (1000,)})
    assert {*drawn.tolist()} == {-100, 0, 1, 2} or {*drawn.tolist()} == {-100, 1, 2}
    assert drawn.dtype == torch.int64


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Any, labels: Any) -> Any:
        ctx.save_for_backward(z, labels)
        return F.cross_entropy(z, labels)

    @staticmethod
    def backward(ctx: Any, grad_y: Any) -> Any:
        z, labels = ctx.saved_tensors
        right = z.softmax(1) - F.one_hot(labels, z.shape[1])
        return grad_y * right / CrossEntropy.rows(z), None

    rows = len


def test_labels_masks_and_logarithms_are_judged_at_every_shape() -> None:
    z, labels = torch.randn(4, 10), torch.tensor([0, 9, 2, 3])
    result = judge(CrossEntropy, lambda z, labels: F.cross_entropy(z, labels), z, labels, check="full")
    assert result, str(result)
    assert result.varied == "z0=4: z[0], labels[0]; z1=10: z[1]"
    x = torch.rand(3, 4) + 0.5
    result = judge(
        lambda grad_y, x, mask: {"x": grad_y * mask / x},
        lambda x, mask: torch.log(x) * mask,
        x,
        torch.rand(3, 4) > 0.5,
        check="full",
    )
    assert result, str(result)


class Rows4(CrossEntropy):
    @staticmethod
    def backward(ctx: Any, grad_y: Any) -> Any:
        z, labels = ctx.saved_tensors
        return grad_y * (z.softmax(1) - F.one_hot(labels, z.shape[1])) / 4, None


def test_a_size_that_is_written_down_is_found() -> None:
    z, labels = torch.randn(4, 10), torch.tensor([0, 9, 2, 3])
    result = judge(Rows4, lambda z, labels: F.cross_entropy(z, labels), z, labels, check="full")
    assert [row["verdict"] for row in result.rows] == ["wrong"]
    assert "z0" in result.rows[0]["diagnosis"]


class Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        if x.shape[1] % 8:
            raise ValueError(f"{x.shape[1]} is no multiple of 8")
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, grad_y: Any) -> Any:
        return 2 * ctx.saved_tensors[0] * grad_y


def test_what_a_kernel_refuses_is_said_and_no_fault() -> None:
    result = judge(Blocks, lambda x: x.square(), torch.randn(3, 16), check="full")
    assert result, str(result)
    assert result.varied == "x0=3: x[0]"
    assert "17 is no multiple of 8" in str(result)


def test_dimensions_can_be_named() -> None:
    shapes = {"x": ("batch", 16)}
    result = judge(Blocks, lambda x: x.square(), torch.randn(3, 16), shapes=shapes, check="full")
    assert result, str(result)
    assert [row["shape"] for row in result.rows] == ["batch=3"]
