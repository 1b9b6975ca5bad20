"""The clock on derivations whose work, memory and times can be told by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runner.case.case import Case
from runner.clock.timing import clock
from runner.formula import Formula
from runner.judge.judgement import Times
from runner.record import PREEMPTED
from runner.settings import Timing
from tests.by_hand import formula_of

QUICK = Timing("quick", rounds=9, min_time=0.02)
N = 250_000  # 1 MB in float32


def square(x: Tensor) -> Tensor:
    return x * x


def product(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
    return {"x": 2 * grad_y * x}


def twice(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
    product(grad_y, x)
    return product(grad_y, x)


def from_result(grad_y: Tensor, y: Tensor) -> dict[str, Tensor]:
    return {"x": 2 * grad_y * y.sqrt()}


def in_place(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
    return {"x": torch.mul(grad_y, x).mul_(2)}


def times(derivation: Any, settings: Timing = QUICK, n: int = N, execution: Any = "eager") -> Times:
    formula: Formula = formula_of(square, derivation)
    case = Case(formula, {"x": torch.rand(n)}, {}, {"y": torch.ones(n) * 2})
    return clock(case, formula.derivations[derivation.__name__], ["x"], settings, execution)


def test_one_row_of_figures_by_hand() -> None:
    found = times(product)
    assert (found.peak_memory_mb, found.autograd_peak_memory_mb) == (2.0, 2.0)  # 2 g, and that times x
    assert (found.saved_mb, found.autograd_saved_mb) == (0.0, 0.0)  # x is an input
    assert found.operations == 2 * N
    assert found.floor_by == "memory"
    assert found.efficiency == pytest.approx(found.floor_ms / found.manual_ms, rel=0.01)
    assert found.autograd_efficiency == pytest.approx(found.floor_ms / found.autograd_ms, rel=0.01)
    assert (found.blocks, len(found.manual_blocks_ms), len(found.autograd_blocks_ms)) == (9, 9, 9)
    assert min(found.manual_blocks_ms) <= found.manual_ms <= max(found.manual_blocks_ms)
    assert found.speedup_low <= found.speedup <= found.speedup_high
    how = found.timing.removesuffix(f" {PREEMPTED}")  # as a test may well be
    assert how in ("quick cache=warm heap=warm", "quick cache=warm heap=unknown")
    assert found.compile_ms is None


def test_what_is_written_in_place_needs_less_and_a_result_of_forward_is_kept() -> None:
    assert times(in_place).peak_memory_mb == 1.0
    assert times(from_result).saved_mb == 1.0


def test_a_derivation_that_works_twice_has_twice_the_operations() -> None:
    assert times(twice).operations == 2 * times(product).operations


def test_a_call_that_waits_is_counted() -> None:
    from time import sleep

    def waits(grad_y: Tensor, x: Tensor) -> dict[str, Tensor]:
        sleep(0.002)
        return product(grad_y, x)

    assert times(waits, n=10).manual_ms >= 2.0, "it cannot be less"


def test_the_row_says_in_which_state_the_machine_was() -> None:
    cold = Timing("quick", rounds=3, min_time=1e-3, cache="cold", heap="cold")
    assert times(product, cold).timing.startswith("quick cache=cold heap=")
    precise = Timing("precise", rounds=3, min_time=1e-3, interval=100.0)
    assert times(product, precise).timing.split()[3] == "settled"
    short = Timing("precise", rounds=3, min_time=1e-3, interval=1e-9, max_time=1e-3)
    assert times(product, short).timing.split()[3] == "budget"


def test_the_clock_leaves_no_gradient_behind() -> None:
    formula = formula_of(square, product)
    case = Case(formula, {"x": torch.rand(5)}, {}, {"y": torch.ones(5)})
    clock(case, formula.derivations["product"], ["x"], QUICK)
    assert case.inputs["x"].grad is None
    assert not case.inputs["x"].requires_grad
