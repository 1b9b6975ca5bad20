"""The precision that a derivation has, and what its author may state."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runner.case.resolve import resolve
from runner.formula import lookup
from runner.function import register_function
from runner.settings import Check, Config
from tests.conftest import Plant
from tests.registry import rows


def forward(x: Tensor, w: Tensor) -> Tensor:
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w


def shapes(rows: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (rows, n), "w": (n,)}


def narrow(grad_y: Tensor, x: Tensor, w: Tensor) -> dict[str, Tensor]:
    """Compute in float32 whatever is given."""
    g, wide, scale = grad_y.float(), x.float(), w.float()
    r = torch.rsqrt((wide * wide).mean(-1, keepdim=True) + 1e-6)
    h, q = wide * r, g * scale
    dx = r * (q - h * (q * h).mean(-1, keepdim=True))
    return {"x": dx.to(x.dtype), "w": (g * h).sum(0).to(w.dtype)}


def without_mean(grad_y: Tensor, x: Tensor, w: Tensor) -> dict[str, Tensor]:
    """Compute in float32, and not quite what is right."""
    right, n = narrow(grad_y, x, w), x.shape[-1]
    return {"x": right["x"] * ((n - 0.001) / n), "w": right["w"]}


def only_float32(grad_y: Tensor, x: Tensor, w: Tensor) -> dict[str, Tensor]:
    """Give float32 where float64 is given."""
    found = narrow(grad_y, x, w)
    return {wrt: one.float() if one.dtype == torch.float64 else one for wrt, one in found.items()}


def judged(precision: str | None, level: str = "full", dtype: str = "float32") -> list[Any]:
    config = Config(
        formula="planted", shape={"rows": 4, "n": 8}, dtype=dtype, precision=precision, check=Check(level)
    )
    config.upstream = config.inputs.distribution = "normal"
    return rows(resolve(config))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("asked", "verdicts", "judged_in"),
    [(None, {"wrong"}, "float64"), ("float64", {"wrong"}, "float64"), ("auto", {"correct"}, "float32"),
     ("float32", {"correct"}, "float32")],
)  # fmt: skip
def test_float32_inside_is_a_fault_where_float64_is_asked_for(
    plant: Plant, dtype: str, asked: str | None, verdicts: set[str], judged_in: str
) -> None:
    plant(narrow, forward=forward, shapes=shapes)
    found = judged(asked, dtype=dtype)
    assert {row.judged_in for row in found} == {judged_in}
    assert {row.verdict for row in found if row.wrt == "x"} <= verdicts | {"exact"}


def test_a_gradient_of_float32_is_no_mismatch_where_that_is_all_there_is(plant: Plant) -> None:
    plant(only_float32, forward=forward, shapes=shapes)
    found = judged("auto")
    assert {row.verdict for row in found} <= {"exact", "correct"}, [row.diagnosis for row in found]
    assert all("in float32 whatever it is given" in row.notes for row in found)
    assert {row.verdict for row in judged("float64", "off")} == {"invalid"}


@pytest.mark.parametrize("level", ["off", "quick", "full"])
def test_a_mistake_is_seen_in_float32_too(plant: Plant, level: str) -> None:
    plant(without_mean, forward=forward, shapes=shapes)
    assert judged("auto", level)[0].verdict == "wrong"


def test_in_float64_such_a_gradient_is_inaccurate(plant: Plant) -> None:
    plant(narrow, forward=forward, shapes=shapes)
    found = judged("auto", "quick", dtype="float64")
    assert {(row.verdict, row.judged_in) for row in found} == {("inaccurate", "float32")}


@pytest.mark.parametrize(("tolerance", "right"), [(0.0, False), (1e-9, False), (1e-6, True)])
def test_a_solver_that_stops_is_held_to_the_tolerance_that_is_stated(
    plant: Plant, tolerance: float, right: bool
) -> None:
    def stopped(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        return {"x": 2 * x * grad_y * (1 + 1e-7)}

    plant(stopped, forward=lambda x: x * x, shapes=lambda n: {"x": (n,)}, tolerance=tolerance)
    (row,) = rows(resolve(Config(formula="planted", shape={"n": 5}, check=Check("full"))))
    assert (row.verdict in ("exact", "correct")) is right
    assert ("tolerance of 1e-06" in row.notes) is right


@pytest.mark.parametrize("stated", [False, True])
def test_a_derivation_may_run_forward_again_where_that_is_stated(plant: Plant, stated: bool) -> None:
    def again(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return {"x": torch.autograd.grad(torch.tanh(x), x, grad_y)[0]}

    plant(again, forward=lambda x: torch.tanh(x), shapes=lambda n: {"x": (n,)}, recomputes=stated)
    (row,) = rows(resolve(Config(formula="planted", shape={"n": 5}, check=Check("full"))))
    assert row.status == ("completed" if stated else "failed")
    said = row.notes if stated else row.error
    assert ("may call autograd, as the formula states" if stated else "recomputes=True") in said


@pytest.mark.usefixtures("own_formulas")
def test_a_foreign_function_is_measured_unless_more_is_asked() -> None:
    class Narrow(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return torch.sin(x.float()).to(x.dtype)

        @staticmethod
        def backward(ctx: Any, *grad_y: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return torch.mul(grad_y[0].float(), x.float().cos()).to(x.dtype)

    register_function(Narrow, name="planted", forward=lambda x: torch.sin(x), shapes=lambda n: {"x": (n,)})
    assert lookup("planted").precision == "auto"
    config = Config(formula="planted", shape={"n": 5}, check=Check("full"), upstream="normal")
    (row,) = rows(resolve(config))
    assert (row.verdict, row.judged_in) == ("exact", "float32")
    config.precision = "float64"
    (row,) = rows(resolve(config))
    assert (row.verdict, row.judged_in) == ("wrong", "float64")
    assert "computed in float32 inside" in row.diagnosis


@pytest.mark.usefixtures("own_formulas")
def test_a_wrong_place_is_no_lost_digit() -> None:
    """Among upstream gradients of ones, a number from another place looks like one of float32."""

    class Rolled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return torch.mul(x, x)

        @staticmethod
        def backward(ctx: Any, *grad_y: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return torch.mul(2 * x, grad_y[0].roll(1, -1))

    register_function(Rolled, name="planted", forward=lambda x: x * x, shapes=lambda n: {"x": (n,)})
    (row,) = rows(resolve(Config(formula="planted", shape={"n": 5}, check=Check("quick"), upstream="ones")))
    assert (row.verdict, row.judged_in) == ("wrong", "float64")
