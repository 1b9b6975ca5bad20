"""A formula that is forgotten is freed: no cache keeps its functions alive."""

import gc
from typing import Any
from weakref import ref

from torch import Tensor

from runner.case.resolve import resolve
from runner.experiment import run
from runner.formula import register, registry
from runner.formula.signature import signature
from runner.formula.weak import cached_weakly
from runner.selftest.mutate import definition
from runner.settings import Check, Config, Timing


def made() -> Any:
    def derivation(grad_y: Tensor, W: Tensor, x: Tensor) -> dict[str, Tensor]:
        return {"W": grad_y.outer(x), "x": W.T @ grad_y}

    return derivation


def test_computed_once_for_each_object_while_it_lives() -> None:
    asked: list[object] = []

    def compute(function: object) -> int:
        asked.append(ref(function))
        return len(asked)

    number, one, other = cached_weakly(compute), made(), made()
    assert [number(one), number(other), number(one), number(other)] == [1, 2, 1, 2]
    assert number(made()) == 3  # perhaps in the place of one that is gone
    assert number(made()) == 4


def test_a_function_is_freed() -> None:
    function = made()
    signature(function)
    definition(function)
    alive = ref(function)
    del function
    assert alive() is None


def judged() -> list[Any]:
    """Plant a formula, judge it and forget it; return weak references to its functions."""

    def forward(W: Tensor, x: Tensor) -> Tensor:
        return W @ x

    def shapes(m: int, n: int) -> dict[str, tuple[int, ...]]:
        return {"W": (m, n), "x": (n,)}

    functions = [shapes, forward, made()]
    register(name="planted", shapes=shapes, forward=forward, gradients=functions[2:])
    config = Config(
        formula="planted", shape={"m": 2, "n": 3}, check=Check("full"), timing=Timing("quick", rounds=3)
    )
    assert {judgement.status for judgement in run(resolve(config))} == {"completed"}
    registry.forget(["planted"])
    return [ref(function) for function in functions]


def test_what_was_planted_and_judged_is_freed() -> None:
    alive = judged()
    gc.collect()
    assert [one() for one in alive] == [None, None, None]
