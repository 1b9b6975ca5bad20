"""Kinds of faults, and of right code, that kernel authors report: each wrong one beside the right one."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.autograd import Function

from runner.doors.catalogue import run
from runner.doors.judge import judge
from tests.conftest import Plant

Ctx = Any
x = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))


def function(forward: Callable[..., Any], backward: Callable[..., Any]) -> Any:
    """Return a Function of a forward with a context and a backward."""
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward), "__module__": __name__}
    return type("Kernel", (Function,), body)


def saving(ctx: Ctx, x: Tensor) -> Tensor:
    ctx.save_for_backward(x)
    return x.square()


def square(x: Tensor) -> Tensor:
    return x.square()


def in_logarithms(ctx: Ctx, grad: Tensor) -> Any:
    """Multiply by way of logarithms, whose rounding is not that of a multiplication."""
    (x,) = ctx.saved_tensors
    size = torch.exp(torch.log(grad.abs()) + torch.log(2 * x.abs()))
    return torch.where(grad * x == 0, torch.zeros_like(x), size * torch.sign(grad * x))


def test_a_gradient_in_logarithms_rounds_otherwise_and_is_right() -> None:
    result = judge(function(saving, in_logarithms), square, x, check="quick", dtypes=["float32"])
    assert result, str(result)


class Freeing(Function):
    @staticmethod
    def forward(ctx: Ctx, x: Tensor) -> Tensor:
        ctx.kept = x.clone()
        return x.square()

    @staticmethod
    def backward(ctx: Ctx, grad: Tensor) -> Any:
        if ctx.kept is None:
            raise RuntimeError("backward a second time, and its buffers are freed")
        kept, ctx.kept = ctx.kept, None
        return 2 * kept * grad


@pytest.mark.parametrize("check", ["quick", "full"])
def test_to_free_what_was_kept_and_refuse_a_second_backward_is_legal(check: Any) -> None:
    result = judge(Freeing, square, x, check=check, timing=True)
    assert result, str(result)
    assert all("not timed" in row["notes"] for row in result.rows)
    assert all(row["status"] == "completed" for row in result.rows)


def only(allowed: Callable[[Tensor], bool]) -> Any:
    def forward(ctx: Ctx, x: Tensor) -> Tensor:
        if not allowed(x):
            raise ValueError("not this one")
        return saving(ctx, x)

    return function(forward, lambda ctx, grad: 2 * ctx.saved_tensors[0] * grad)


@pytest.mark.parametrize("allowed", [Tensor.is_contiguous, lambda x: x.shape[-1] % 4 == 0])
def test_what_a_kernels_own_forward_refuses_is_no_fault_of_its_backward(allowed: Any) -> None:
    result = judge(only(allowed), square, x, shapes={"x": ("rows", "n")}, check="full")
    assert result, str(result)


def two(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.square(), x.sum(-1)


def keeping_none(ctx: Ctx, x: Tensor) -> Any:
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x)
    return two(x)


def with_none(ctx: Ctx, grad: Tensor | None, grad_sum: Tensor | None) -> Any:
    (x,) = ctx.saved_tensors
    total = torch.zeros_like(x) if grad is None else 2 * x * grad
    return total if grad_sum is None else total + grad_sum[..., None]


def without_none(ctx: Ctx, grad: Tensor, grad_sum: Tensor) -> Any:
    return 2 * ctx.saved_tensors[0] * grad + grad_sum[..., None]


def test_an_output_that_nobody_uses_has_no_gradient() -> None:
    assert judge(function(keeping_none, with_none), two, x, check="full")
    result = judge(function(keeping_none, without_none), two, x, check="full")
    assert [row["failed_checks"] for row in result.rows] == ["unused_outputs"]


def refusing(ctx: Ctx, grad: Tensor, beyond: Tensor | None) -> Any:
    if beyond is not None:
        raise NotImplementedError("the sum is not differentiated")
    return 2 * ctx.saved_tensors[0] * grad


def test_none_arrives_for_results_beyond_the_outputs_where_a_function_asks_so() -> None:
    result = judge(function(keeping_none, refusing), square, x, outputs=("y",), check="full")
    assert result, str(result)


def overwriting(ctx: Ctx, x: Tensor) -> Any:
    ctx.save_for_backward(x)
    ctx.y = x.square()
    return ctx.y


def test_backward_leaves_what_forward_returned() -> None:
    wrong = function(overwriting, lambda ctx, grad: ctx.y.copy_(2 * ctx.saved_tensors[0] * grad))
    right = function(overwriting, lambda ctx, grad: 2 * ctx.saved_tensors[0] * grad)
    assert judge(right, square, x, check="full")
    assert "returned_outputs" in judge(wrong, square, x, check="full").rows[0]["failed_checks"]


def product(a: Tensor, b: Tensor) -> Tensor:
    return a * b


def read_by(strides: Tensor, value: Tensor) -> Tensor:
    """Read a tensor by the strides of another."""
    if value.stride() == strides.stride() or value.storage_offset():
        return value
    needed = 1 + sum((n - 1) * k for n, k in zip(value.shape, strides.stride(), strict=True))
    flat = value.as_strided((value.untyped_storage().nbytes() // value.element_size(),), (1,), 0)
    return flat.repeat(1 + needed // len(flat)).as_strided(value.shape, strides.stride())


def test_each_input_has_strides_of_its_own() -> None:
    def wrong(grad_y: Tensor, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        return {"a": grad_y * read_by(a, b), "b": grad_y * a}

    result = judge(wrong, product, x, x + 1, check="full")
    assert [row["failed_checks"] for row in result.rows] == ["layout", ""]
    assert "alone strided" in result.rows[0]["diagnosis"]


def test_five_axes_may_have_their_channels_last() -> None:
    def wrong(grad_y: Tensor, v: Tensor) -> dict[str, Tensor]:
        last = grad_y.is_contiguous(memory_format=torch.channels_last_3d) and not grad_y.is_contiguous()
        return {"v": 2 * v * (grad_y.flip(1) if last else grad_y)}

    v = torch.randn(2, 3, 4, 2, 3)
    assert judge(lambda grad_y, v: {"v": 2 * v * grad_y}, lambda v: v * v, v, check="full")
    result = judge(wrong, lambda v: v * v, v, check="full")
    assert [row["failed_checks"] for row in result.rows] == ["layout"]


def smoothed(z: Tensor, *, smoothing: float = 0.1, weight: float = 0.2) -> Tensor:
    total = torch.logsumexp(z, -1)
    return (total - z[..., 0] + smoothing * z.mean(-1) + weight * total.square()).sum()


def test_two_hyper_parameters_are_changed_together() -> None:
    def gradient(grad_y: Tensor, z: Tensor, smoothing: float, weight: float, forgotten: bool) -> Any:
        p, total = z.softmax(-1), torch.logsumexp(z, -1, keepdim=True)
        off = forgotten and (smoothing, weight) not in ((0.1, 0.2), (0.2, 0.2), (0.1, 0.4))
        grad = p + smoothing / z.shape[-1] + (0 if off else 2 * weight * total * p)
        grad[..., 0] -= 1
        return {"z": grad_y * grad}

    def right(grad_y: Tensor, z: Tensor, *, smoothing: float, weight: float) -> Any:
        return gradient(grad_y, z, smoothing, weight, False)

    def wrong(grad_y: Tensor, z: Tensor, *, smoothing: float, weight: float) -> Any:
        return gradient(grad_y, z, smoothing, weight, True)

    assert judge(right, smoothed, x, smoothing=0.1, weight=0.2, check="full")
    result = judge(wrong, smoothed, x, smoothing=0.1, weight=0.2, check="full")
    assert [row["failed_checks"] for row in result.rows] == ["other_params"]
    assert "smoothing=0.2 weight=0.4" in result.rows[0]["diagnosis"]


def test_rows_of_labels_are_no_masks() -> None:
    def forward(z: Tensor, labels: Tensor) -> Tensor:
        return -(labels * F.log_softmax(z, -1)).sum()

    from runner.checks.masks import _values

    one_hot = F.one_hot(torch.arange(4), 8).float()
    assert _values(one_hot, sampled=True) == []
    assert _values((one_hot + one_hot.roll(1, 0)).clamp(max=1), sampled=True) == [0, 1]
    assert judge(
        lambda grad_y, z, labels: {"z": grad_y * (z.softmax(-1) - labels)},
        forward, x, one_hot, constants=("labels",), check="full",
    )  # fmt: skip


def test_what_loses_digits_says_how_many() -> None:
    def in_half(grad_y: Tensor, a: Tensor) -> dict[str, Tensor]:
        return {
            "a": (grad_y.half() * a.half() * 2).to(a.dtype) if a.dtype == torch.float32 else 2 * grad_y * a
        }

    result = judge(in_half, lambda a: a * a, x, check="quick")
    assert [row["verdict"] for row in result.rows] == ["inaccurate"]
    assert "where" in result.rows[0]["diagnosis"]
    assert "u are excused" in result.rows[0]["diagnosis"]


def test_quick_says_at_which_size_it_asked_where_its_own_is_large() -> None:
    large = torch.randn(300, 300)
    right = function(saving, lambda ctx, grad: 2 * ctx.saved_tensors[0] * grad)
    result = judge(right, square, large, check="quick")
    assert result
    assert "asked of signed inputs at x0=16 x1=16 alone" in result.rows[0]["notes"]
    assert "asked of" not in judge(right, square, x, check="quick").rows[0]["notes"]


class Unguarded:
    """A derivation with a forward of its own that keeps the tensors themselves, and not their versions."""

    __name__ = "unguarded"
    __signature__ = inspect.signature(lambda prepared, grad_y: None)

    def prepare(self, values: Any, frozen: Any = ()) -> Any:
        return values["x"]

    def __call__(self, prepared: Tensor, grad_y: Tensor) -> dict[str, Tensor]:
        return {"x": 2 * prepared * grad_y}


def test_what_keeps_its_inputs_unguarded_is_told(plant: Plant) -> None:
    planted = plant(Unguarded(), forward=square, shapes=lambda n: {"x": (n,)})
    result = run(planted.name, shape={"n": 5}, check="full")
    assert [row["failed_checks"] for row in result.rows] == ["contexts"]
    assert "written to after forward" in result.rows[0]["diagnosis"]


def over_its_input(ctx: Ctx, grad: Tensor) -> Any:
    (x,) = ctx.saved_tensors
    return x.data.mul_(2 * grad)


def test_a_backward_that_overwrites_its_input_is_told_for_that_alone() -> None:
    (row,) = judge(function(saving, over_its_input), square, x, check="full", dtypes=["float32"]).rows
    assert "ForwardDiffersError" not in row["diagnosis"] + row["notes"]
    assert not {"contexts", "live_contexts", "frozen_inputs"} & {*row["failed_checks"].split()}


LATEST: dict[str, Tensor] = {}


def keeping_the_latest(ctx: Ctx, x: Tensor) -> Tensor:
    LATEST["x"] = x.clone()
    return x.square()


def test_a_context_that_lives_outside_of_it_is_told_for_that_alone() -> None:
    kernel = function(keeping_the_latest, lambda ctx, grad: 2 * LATEST["x"] * grad)
    (row,) = judge(kernel, square, x, check="full", dtypes=["float32"]).rows
    assert "live_contexts" in row["failed_checks"].split()
    assert "backward_twice" not in row["failed_checks"].split()


def nan_elsewhere(ctx: Ctx, x: Tensor) -> Tensor:
    ctx.save_for_backward(x)
    return torch.where(x.isfinite(), x, 0.0).square()


def test_a_forward_that_is_another_function_for_infinities_is_told_as_that() -> None:
    kernel = function(nan_elsewhere, lambda ctx, grad: 2 * ctx.saved_tensors[0] * grad)
    (row,) = judge(kernel, square, x, check="full", dtypes=["float32"]).rows
    assert "it raises ForwardDiffersError" not in row["notes"]
    assert "differs from the reference forward" in row["notes"]
