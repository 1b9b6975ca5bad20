"""One seed gives the same numbers, whatever the process around it is set to."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from runner.case.inputs import draw_inputs, make_case, sampled_names, seeded
from runner.errors import FormulaError
from runner.formula.draw import DISTRIBUTIONS, UPSTREAMS, Draw
from runner.formula.formula import Formula
from runner.settings import Inputs
from tests.by_hand import formula_of, product, same, values
from tests.conftest import Plant

F64, F32, BF16 = torch.float64, torch.float32, torch.bfloat16


def shapes(m: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"W": (m, n), "x": (n,)}


def formula(**record: Any) -> Formula:
    return formula_of(product, shapes=shapes, **record)


def tensors(**settings: Any) -> dict[str, Tensor]:
    case = make_case(formula(), {"m": 2, "n": 3}, {}, **{"seed": 1, **settings})
    return {**case.inputs, **{f"grad_{name}": value for name, value in case.upstream.items()}}


def generators() -> list[Any]:
    python, numpy = random.getstate(), np.random.get_state(legacy=False)
    return [python, str(numpy), torch.get_rng_state().tolist()]


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_numbers_do_not_depend_on_the_default_dtype(distribution: str, upstream: str) -> None:
    settings = {"settings": Inputs(distribution), "upstream": upstream}
    before = tensors(**settings)
    with default_dtype(F64):
        assert values(tensors(**settings)) == values(before)


@pytest.mark.parametrize("method", ["uniform", "normal", "integers", "boolean", "default"])
def test_a_draw_does_not_depend_on_the_default_dtype(method: str) -> None:
    arguments: dict[str, Any] = {"low": 0, "high": 100} if method == "integers" else {}
    before = getattr(Draw(1), method)((50,), **arguments)
    with default_dtype(F64):
        after = getattr(Draw(1), method)((50,), **arguments)
    assert (after.dtype, after.tolist()) == (before.dtype, before.tolist())


def test_a_draw_does_not_depend_on_the_default_device() -> None:
    before = tensors(upstream="normal")
    with torch.device("meta"):
        after = tensors(upstream="normal")
    assert values(after) == values(before)


def test_the_numbers_do_not_depend_on_the_state_of_any_generator() -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        torch.rand(seed)
        found.append(values(tensors(upstream="normal")))
    assert found[0] == found[1]


def test_drawing_touches_no_generator() -> None:
    before = generators()
    tensors(upstream="normal")
    assert generators() == before


def test_another_seed_gives_other_numbers() -> None:
    assert len({str(values(tensors(seed=seed))) for seed in range(5)}) == 5


def test_the_numbers_of_a_seed() -> None:
    expected = torch.rand(9, generator=torch.Generator().manual_seed(42))
    found = tensors(seed=42)
    assert torch.cat([found["W"].flatten(), found["x"]]).tolist() == expected.tolist()
    assert values(found)["grad_y"] == [1, 1]


@pytest.mark.parametrize("dtype", [F64, F32, BF16])
def test_every_dtype_gets_the_same_numbers_rounded(dtype: torch.dtype) -> None:
    drawn, found = tensors(upstream="normal"), tensors(upstream="normal", dtype=dtype)
    assert {name: tensor.dtype for name, tensor in found.items()} == dict.fromkeys(drawn, dtype)
    assert values(found) == {name: tensor.to(dtype).tolist() for name, tensor in drawn.items()}


def test_the_upstream_does_not_shift_the_inputs() -> None:
    ones, normal = tensors(upstream="ones"), tensors(upstream="normal")
    assert values({"W": ones["W"], "x": ones["x"]}) == values({"W": normal["W"], "x": normal["x"]})
    assert not torch.equal(ones["grad_y"], normal["grad_y"])


def sample(rng: Draw, n: int) -> dict[str, Tensor]:
    return {"x": torch.arange(float(n))}


def test_what_a_formula_samples_comes_first_and_the_order_stays() -> None:
    inputs = draw_inputs(formula(sample=sample), {"m": 2, "n": 3}, {}, Draw(1))
    assert [*inputs] == ["W", "x"]
    assert inputs["x"].tolist() == [0, 1, 2]
    assert same(inputs["W"].flatten(), torch.rand(6, generator=torch.Generator().manual_seed(1)))
    assert sampled_names(formula(sample=sample), {"m": 2, "n": 3}, {}) == {"x"}
    assert sampled_names(formula(), {"m": 2, "n": 3}, {}) == set()


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        ({"X": torch.ones(3)}, r"by_hand: sample: unknown input 'X'; did you mean 'x'\? There is: W, x\."),
        ({"x": torch.ones(2)}, r"by_hand: sample draws x as \(2,\); shapes says \(3,\)"),
        ({"x": torch.ones(1, 3)}, r"by_hand: sample draws x as \(1, 3\); shapes says \(3,\)"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(drawn: dict[str, Tensor], message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        draw_inputs(formula(sample=lambda rng: drawn), {"m": 2, "n": 3}, {}, Draw(1))


@pytest.mark.parametrize("shape", [{"m": 0, "n": 3}, {"m": 2, "n": 0}])
def test_an_empty_shape_is_drawn(shape: dict[str, int]) -> None:
    case = make_case(formula(), shape, {}, seed=1, upstream="normal")
    assert tuple(case.inputs["W"].shape) == (shape["m"], shape["n"])
    assert tuple(case.upstream["y"].shape) == (shape["m"],)


def numbers() -> list[float]:
    return [random.random(), float(np.random.rand()), float(torch.rand(()))]


@pytest.mark.parametrize("seed", [0, 42, 2**32 - 1, 2**32, 2**63])
def test_a_seed_seeds_all_three_generators(seed: int) -> None:
    found = []
    for _ in range(2):
        numbers()
        with seeded(seed):
            found.append(numbers())
    assert found[0] == found[1]


def test_two_seeds_differ_in_all_three() -> None:
    with seeded(1):
        one = numbers()
    with seeded(2):
        assert not {*one} & {*numbers()}


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_generators_are_put_back(error: type[BaseException] | None) -> None:
    def interrupted() -> None:
        with seeded(7):
            numbers()
            if error:
                raise error

    before = generators()
    if error:
        with pytest.raises(error):
            interrupted()
    else:
        interrupted()
    assert generators() == before


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_what_sample_casts_keeps_its_dtype_among_less_precise_ones(
    plant: Plant, dtype: torch.dtype, kept: torch.dtype
) -> None:
    def sample(rng: Draw, n: int) -> dict[str, torch.Tensor]:
        return {"w": rng.normal((n,)).to(torch.float32), "v": rng.uniform((n,))}

    def forward(x: torch.Tensor, w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return x * w.to(x.dtype) * v

    formula = plant(
        lambda grad_y, x, w, v: {"x": grad_y * w.to(x.dtype) * v},
        forward=forward,
        sample=sample,
        shapes=lambda n: dict.fromkeys("xwv", (n,)),
    )
    case = make_case(formula, {"n": 3}, {}, seed=1, dtype=dtype)
    assert {name: value.dtype for name, value in case.inputs.items()} == {"x": dtype, "w": kept, "v": dtype}
    assert case.dtype == dtype
    assert case.upstream["y"].dtype == dtype


def test_complex_inputs_are_refused(plant: Plant) -> None:
    formula = plant(
        lambda grad_y, x: {"x": grad_y},
        forward=lambda x: x * 1,
        sample=lambda rng, n: {"x": torch.complex(rng.normal((n,)), rng.normal((n,)))},
        shapes=lambda n: {"x": (n,)},
    )
    with pytest.raises(FormulaError, match=r"sample draws x as torch\.complex128; an input is real"):
        make_case(formula, {"n": 3}, {}, seed=1)
