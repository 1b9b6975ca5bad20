"""A wrapped autograd Function is judged by what its backward returns, untouched by the engine."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from runner.case.inputs import make_case
from runner.clock import timing
from runner.errors import FormulaError
from runner.formula import lookup, registry
from runner.function import register_function
from runner.judge import manual
from runner.settings import Timing
from tests.conftest import Run

# mypy: disable-error-code="no-untyped-call"


pytestmark = pytest.mark.usefixtures("own_formulas")


def shapes(n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (3, n), "w": (n,)}


def reference(x: Tensor, w: Tensor, *, eps: float = 1e-5) -> Tensor:
    return x * w / torch.sqrt(x.square().mean(-1, keepdim=True) + eps)


class RmsNorm(Function):
    """Root mean square normalisation, with everything saved and nothing computed again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, eps: float) -> Tensor:
        rstd = torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x * rstd, rstd, w)
        return x * rstd * w

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        xh, rstd, w = ctx.saved_tensors
        q = w * grad_y
        return rstd * (q - xh * (q * xh).mean(-1, keepdim=True)), (grad_y * xh).sum(0), None


class NotSummed(RmsNorm):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        grad_x, _, _ = RmsNorm.backward(ctx, grad_y)
        return grad_x, grad_y * ctx.saved_tensors[0], None


class InDouble(RmsNorm):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        return *(g.double() for g in RmsNorm.backward(ctx, grad_y)[:2]), None


class OneMissing(RmsNorm):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        return RmsNorm.backward(ctx, grad_y)[:2]


class OneTooMany(RmsNorm):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        return (*RmsNorm.backward(ctx, grad_y), grad_y)


class NoneForW(RmsNorm):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        return RmsNorm.backward(ctx, grad_y)[0], None, None


class ForEps(RmsNorm):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        return *RmsNorm.backward(ctx, grad_y)[:2], grad_y.sum()


class AList(RmsNorm):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> Any:
        return [*RmsNorm.backward(ctx, grad_y)]


class Raises(RmsNorm):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        raise ZeroDivisionError("in the backward")


class AsksAutograd(RmsNorm):
    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        with torch.enable_grad():
            leaf = grad_y.detach().requires_grad_()
            return *torch.autograd.grad((leaf * leaf).sum(), leaf), grad_y, None


class EpsOutside(RmsNorm):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, eps: float) -> Tensor:
        RmsNorm.forward(ctx, x, w, eps)
        return x * w / (x.square().mean(-1, keepdim=True).sqrt() + eps)


class Transposed(RmsNorm):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, eps: float) -> Tensor:
        return RmsNorm.forward(ctx, x, w, eps).T


class InSingle(RmsNorm):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, eps: float) -> Tensor:
        return RmsNorm.forward(ctx, x.float(), w.float(), eps)


class DetachedForward(RmsNorm):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, eps: float) -> Tensor:
        y = RmsNorm.forward(ctx, x, w, eps)
        ctx.mark_non_differentiable(y)
        return y


def wrapped(run: Run, function: type[Function], *settings: str, **record: Any) -> list[dict[str, Any]]:
    record = {"shapes": shapes, "forward": reference, **record}
    register_function(function, name="wrapped", **record)
    rounds = () if any("timing" in setting for setting in settings) else ("timing=off",)
    return run("formula=wrapped", "shape.n=5", "upstream=normal", *rounds, *settings).rows


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_a_right_function(run: Run, dtype: str) -> None:
    rows = wrapped(run, RmsNorm, f"dtype={dtype}", "params.eps=0.1", "timing=quick", "timing.rounds=3")
    assert [(row["derivation"], row["wrt"]) for row in rows] == [("backward", "x"), ("backward", "w")]
    assert {row["verdict"] for row in rows} <= {"exact", "correct"}
    assert all(row["manual_ms"] > 0 and row["speedup"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("function", "x", "w", "broken"),
    [
        (NotSummed, {"exact", "correct"}, {"invalid"}, "shape"),
        (InDouble, {"invalid"}, {"invalid"}, "dtype"),
    ],
)
def test_what_the_engine_would_have_put_right(
    run: Run, function: type[Function], x: set[str], w: set[str], broken: str
) -> None:
    of_x, of_w = sorted(wrapped(run, function), key=lambda row: row["wrt"] != "x")
    assert of_x["verdict"] in x
    assert of_w["verdict"] in w
    assert broken in of_w["failed_checks"].split()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (OneMissing, "OneMissing.backward returns 2 gradients for 3 arguments: x, w, eps"),
        (OneTooMany, "OneTooMany.backward returns 4 gradients for 3 arguments: x, w, eps"),
        (NoneForW, "NoneForW.backward returns None for w, which is differentiable"),
        (ForEps, "ForEps.backward returns a gradient for eps, which is not a tensor"),
        (AList, "AList.backward returns 1 gradients for 3 arguments: x, w, eps"),
        (Raises, "ZeroDivisionError: in the backward"),
        (AsksAutograd, "wrapped: backward calls autograd"),
        (EpsOutside, "EpsOutside.forward: y differs from the reference forward, by up to "),
        (Transposed, "Transposed.forward: y has shape (5, 3); that of the reference forward is (3, 5)"),
        (InSingle, "InSingle.forward: y is torch.float32; that of the reference forward is torch.float64"),
        (DetachedForward, "DetachedForward: no result of its forward is differentiable"),
    ],
)
def test_a_broken_function_is_a_failed_row(run: Run, function: type[Function], message: str) -> None:
    rows = wrapped(run, function, "dtype=float64")
    assert [row["status"] for row in rows] == ["failed"]
    assert message in rows[0]["error"]


def test_the_other_points_go_on(run: Run) -> None:
    register_function(Raises, name="wrapped", shapes=shapes, forward=reference)
    outcome = run("-m", "formula=wrapped,mse", "shape.n=5", "timing=off")
    assert [(row["formula"], row["status"]) for row in outcome.rows] == [
        ("wrapped", "failed"), ("mse", "completed"), ("mse", "completed"),
    ]  # fmt: skip
    assert outcome.status == 1


class Extremes(Function):
    """Two outputs and an index that nobody differentiates; the context is set up apart."""

    @staticmethod
    def forward(z: Tensor, sign: int) -> tuple[Tensor, Tensor, Tensor]:
        return sign * z.sinh(), z.cosh(), z.argmax()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        _, ctx.sign = inputs
        ctx.save_for_backward(*output[:2])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        sinh, cosh = ctx.saved_tensors
        grad_sinh, grad_cosh, grad_index = grads
        assert not grad_index.any()
        return ctx.sign * (grad_sinh * cosh + grad_cosh * sinh), None


def extremes(x: Tensor, *, sign: int = -1) -> tuple[Tensor, Tensor]:
    return sign * x.sinh(), x.cosh()


def test_several_outputs_and_a_context_set_up_apart(run: Run) -> None:
    (row,) = wrapped(
        run, Extremes, arguments=("x", "sign"), shapes=lambda n: {"x": (n,)}, forward=extremes,
        outputs=("sinh", "cosh"),
    )  # fmt: skip
    assert row["verdict"] in ("exact", "correct"), row["error"]


class Doubles(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, times: int) -> Tensor:
        ctx.mark_dirty(x)
        ctx.times = times
        return x.mul_(2 * times)

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
        return 2 * ctx.times * grad_y, None, None, None  # PyTorch allows None beyond the end


def test_a_forward_in_place_gets_copies(run: Run) -> None:
    record: dict[str, Any] = {"shapes": lambda n: {"x": (n,)}, "options": {"times": 1}}
    (row,) = wrapped(run, Doubles, forward=lambda x: 2 * x, in_place=True, **record)
    assert row["verdict"] == "exact", row["error"]
    registry._registry.pop("wrapped")
    (row,) = wrapped(run, Doubles, forward=lambda x: 2 * x, **record)
    assert "Doubles.forward writes to its inputs; register it with in_place=True" in row["error"]


def test_an_option_that_the_reference_has_not(run: Run) -> None:
    (row,) = wrapped(
        run, Doubles, "params.times=2", "dtype=float64", shapes=lambda n: {"x": (n,)},
        forward=lambda x: 2 * x, options={"times": 1}, in_place=True,
    )  # fmt: skip
    assert row["params"] == "times=2"
    assert "differs from the reference forward" in row["error"], "x is doubled twice"


def test_an_input_held_fixed_needs_no_gradient(run: Run) -> None:
    (row,) = wrapped(run, NoneForW, constants=("w",))
    assert (row["wrt"], row["verdict"] in ("exact", "correct")) == ("x", True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "w", "epss"), "RmsNorm: unknown argument 'epss'; did you mean 'eps'?"),
        (("x", "x", "eps"), "RmsNorm: x names two of its arguments"),
    ],
)
def test_arguments_are_named_once_and_as_in_the_reference(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        register_function(RmsNorm, name="wrapped", shapes=shapes, forward=reference, arguments=arguments)
    assert message in str(caught.value)


def test_saved_tensors_share_memory_with_the_inputs_and_forward_is_off_the_clock() -> None:
    class Counted(RmsNorm):
        forwards = 0

        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor, eps: float) -> Tensor:
            Counted.forwards += 1
            y = RmsNorm.forward(ctx, x, w, eps)
            ctx.save_for_backward(x, ctx.to_save[1], w)
            return y

        @staticmethod
        def backward(ctx: Any, grad_y: Tensor) -> tuple[Any, ...]:
            return torch.zeros_like(grad_y), ctx.saved_tensors[2], None

    made = register_function(Counted, name="wrapped", shapes=shapes, forward=reference)
    case = make_case(made, {"n": 5}, {"eps": 1e-5}, seed=0)
    found = manual.call(case, made.derivations["backward"], case.values)
    assert found["w"].data_ptr() == case.inputs["w"].data_ptr()
    before = Counted.forwards
    timing.clock(case, made.derivations["backward"], ["x", "w"], Timing(rounds=3, min_time=1e-3))
    assert Counted.forwards - before <= 2
    assert lookup("wrapped") is made
