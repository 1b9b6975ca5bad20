"""Each property is found broken where it is, and nowhere else."""

import dataclasses
import random
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest
import torch
from torch import Tensor

from runner import checks
from runner.case.resolve import resolve
from runner.diagnose import Statement, diagnose
from runner.settings import LEVELS, Check, Config
from runner.verdicts import RIGHT
from tests.by_hand import Lying
from tests.conftest import Plant
from tests.registry import EXPERIMENTS, assert_right, rows, specification

Gradients = dict[str, Tensor]


def product(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(grad_y, x), "x": W.mT @ grad_y}


def damages_input(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    found = product(grad_y, W, x)
    x.zero_()
    return found


def damages_upstream(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    found = product(grad_y, W, x)
    grad_y.mul_(2)
    return found


def hands_upstream_on(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {**product(grad_y, W, x), "W": (grad_y[:, None] * x)}


def random_noise(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    found = product(grad_y, W, x)
    return {**found, "W": found["W"] * (1 + 1e-3 * random.random())}


BUFFERS: dict[tuple[int, ...], Tensor] = {}


def reuses_a_buffer(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    buffer = BUFFERS.setdefault((*W.shape, hash(W.dtype)), torch.empty_like(W))
    return {**product(grad_y, W, x), "W": torch.outer(grad_y, x, out=buffer)}


CACHE: dict[int, Gradients] = {}


def caches_by_address(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return CACHE.setdefault(x.data_ptr(), product(grad_y, W, x))


def raw(tensor: Tensor) -> Tensor:
    """Read a tensor's storage as a kernel does that ignores strides."""
    flat = tensor.untyped_storage()
    whole = torch.empty(0, dtype=tensor.dtype).set_(flat)
    return torch.cat([whole, whole.new_zeros(tensor.numel())])[: tensor.numel()].view(tensor.shape)


def ignores_strides_of_input(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return product(grad_y, raw(W), x)


def ignores_strides_of_upstream(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return product(raw(grad_y), W, x)


def ignores_upstream(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return product(torch.ones_like(grad_y), W, x)


def takes_the_size_of_upstream(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return product(grad_y.abs(), W, x)


def wrong_when_square(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    found = product(grad_y, W, x)
    return {**found, "W": found["W"].mT} if W.shape[0] == W.shape[1] else found


def wrong_in_the_tail(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    found = product(grad_y, W, x)
    found["W"][len(W) // 8 * 8 :] *= len(W) % 8 != 7
    return found


def hard_coded_size(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    found = product(grad_y, W, x)
    return {**found, "x": found["x"] * len(W) / 3}


def wrong_at_zeros(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(grad_y, torch.where(x == 0, 1, x)), "x": W.mT @ grad_y}


def wrong_for_negative(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(grad_y, x.clamp(min=0)), "x": W.mT @ grad_y}


def wrong_when_large(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(grad_y, x.clamp(max=50)), "x": W.mT @ grad_y}


def always_float32(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {name: gradient.float() for name, gradient in product(grad_y, W, x).items()}


@pytest.mark.parametrize(
    ("derivation", "name", "verdict"),
    [
        (damages_input, "unchanged_arguments", "invalid"),
        (damages_upstream, "unchanged_arguments", "invalid"),
        (random_noise, "repeatable", "wrong"),
        (reuses_a_buffer, "independent_of_history", "invalid"),
        (ignores_strides_of_input, "layout", "invalid"),
        (ignores_strides_of_upstream, "layout", "invalid"),
        (ignores_upstream, "linear_in_upstream", "wrong"),
        (takes_the_size_of_upstream, "linear_in_upstream", "wrong"),
        (wrong_when_square, "other_shapes", "wrong"),
        (wrong_in_the_tail, "other_shapes", "wrong"),
        (hard_coded_size, "other_shapes", "wrong"),
        (wrong_at_zeros, "other_values", "wrong"),
        (wrong_for_negative, "other_values", "wrong"),
        (wrong_when_large, "other_values", "wrong"),
        (always_float32, "every_dtype", "invalid"),
    ],
)
def test_a_broken_property_is_found(
    plant: Plant, derivation: Callable[..., Gradients], name: str, verdict: str
) -> None:
    plant(derivation)
    BUFFERS.clear()
    CACHE.clear()
    rows = judged("full")
    assert name in " ".join(row.failed_checks for row in rows).split()
    assert {*verdict.split(" or ")} & {row.verdict for row in rows}, [
        (row.failed_checks, row.diagnosis) for row in rows
    ]
    assert all(row.diagnosis for row in rows if row.failed_checks)


def test_a_cache_by_address_is_found_whatever_the_addresses_are(plant: Plant) -> None:
    CACHE.clear()
    plant(caches_by_address)
    assert not {row.verdict for row in judged("full")} <= RIGHT


def test_what_is_wrong_at_the_own_point_is_explained_once_and_confirmed_once(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def doubled(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
        return {**product(grad_y, W, x), "W": 2 * torch.outer(grad_y, x)}

    again: list[Tensor] = []

    def counted(gradient: Tensor, *known: Any, **names: Any) -> Statement:
        again.append(gradient)
        return diagnose(gradient, *known, **names)

    monkeypatch.setattr("runner.checks.subject.diagnose", counted)
    plant(doubled)
    wrong, right = judged("full")
    assert (wrong.verdict, wrong.failed_checks) == ("wrong", "")
    assert wrong.diagnosis == "off by a factor of 2; x is right, only W is wrong"
    assert right.verdict in ("exact", "correct")
    assert [gradient.shape for gradient in again] == [(3, 5), (4, 7)], "the generic point, and a second shape"


def test_an_overflow_is_found_where_forward_overflows_too(plant: Plant) -> None:
    def squares_first(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
        square = x.abs().amax().clamp(min=1) ** 2  # beyond the range of float16 where |x| > 256
        return {"W": torch.outer(grad_y, x) * (square / square)}

    plant(squares_first, product)
    damaged, *right = judged("full", dtype="float16")
    assert (damaged.verdict, damaged.failed_checks) == ("inaccurate", "precision")
    assert "are not finite, where the truth is" in damaged.diagnosis
    assert {row.failed_checks for row in right} == {""}


@pytest.mark.parametrize("level", LEVELS)
def test_a_right_gradient_passes_every_level(plant: Plant, level: str) -> None:
    plant(product)
    found = judged(level)
    assert [row.wrt for row in found] == ["W", "x"]
    assert {row.verdict for row in found} <= ({"unchecked"} if level == "off" else {"exact", "correct"})
    assert {row.failed_checks for row in found} == {""}


def test_shared_memory_is_a_note(plant: Plant) -> None:
    def identity(grad_y: Tensor) -> Gradients:
        return {"x": grad_y}

    plant(identity, forward=lambda x: x.clone(), shapes=lambda n: {"x": (n,)})
    (row,) = rows(resolve(Config(formula="planted", shape={"n": 5}, check=Check("full"))))
    assert row.verdict == "exact"
    assert row.notes == "the gradient by x shares memory with grad_y"
    assert row.failed_checks == ""


def test_second_order(plant: Plant) -> None:
    def attached(grad_y: Tensor, x: Tensor) -> Gradients:
        return {"x": 3 * x**2 * grad_y}

    def detached(grad_y: Tensor, x: Tensor) -> Gradients:
        return {"x": (3 * x**2 * grad_y).detach()}

    plant(attached, detached, forward=lambda x: x**3, shapes=lambda n: {"x": (n,)})
    config = Config(formula="planted", shape={"n": 5}, check=Check("full", second_order=True))
    right, wrong = rows(resolve(config))
    assert (right.verdict, right.failed_checks) == ("exact", "")
    assert (wrong.verdict, wrong.failed_checks) == ("wrong", "second_order")
    without = dataclasses.replace(config, check=Check("full"))
    assert {row.failed_checks for row in rows(resolve(without))} == {""}


def test_a_reference_that_is_wrong_itself_is_suspect(plant: Plant) -> None:
    def honest(grad_y: Tensor) -> Gradients:
        return {"x": grad_y.clone()}

    def misled(grad_y: Tensor) -> Gradients:
        return {"x": 2 * grad_y}

    plant(honest, misled, forward=Lying.apply, shapes=lambda n: {"x": (n,)}, name="doubled_reference")
    found = rows(resolve(Config(formula="doubled_reference", shape={"n": 5}, check=Check("quick"))))
    assert [(row.derivation, row.verdict) for row in found] == [
        ("honest", "suspect_reference"),
        ("misled", "suspect_reference"),
    ]
    assert all("finite differences of forward give" in row.diagnosis for row in found)


@pytest.mark.parametrize("level", LEVELS)
def test_a_kernel_of_one_dtype_says_so(plant: Plant, level: str) -> None:
    def only_bfloat16(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
        if x.dtype != torch.bfloat16:
            raise TypeError(f"expected bfloat16, got {x.dtype}")
        return product(grad_y, W, x)

    plant(only_bfloat16)
    found = judged(level, dtype="bfloat16")
    assert [row.wrt for row in found] == ["W", "x"]
    right = {"unchecked"} if level == "off" else {"exact", "correct"}
    assert {row.verdict for row in found} <= right, found[0].diagnosis
    assert all("no float64 (TypeError: expected bfloat16" in row.notes for row in found)
    assert all("decided in bfloat16" in row.notes for row in found)


LONG = {"gpt2", "ctc_loss"}
"""Whose full check takes minutes: the parts of the one are experiments here, the other takes 4,097 steps."""


@pytest.mark.parametrize(
    ("experiment", "dtype"),
    [lot for lot in zip(EXPERIMENTS, cycle(["float32", "bfloat16"]), strict=False) if lot[0] not in LONG],
)
def test_no_false_alarm(experiment: str, dtype: str) -> None:
    """Judge each in one dtype, by a fixed lot; `handgrad selftest` does so in all, under many seeds."""
    spec = dataclasses.replace(specification(experiment, dtype=dtype, seed=7), check="full")
    assert_right(experiment, dtype, rows(spec))


def test_a_check_is_one_file() -> None:
    assert {check.level for check in checks.checks().values()} == {"quick", "full"}
    assert len(checks.checks()) >= 10


def judged(level: str, dtype: str = "float32") -> list[Any]:
    config = Config(formula="planted", shape={"m": 3, "n": 5}, dtype=dtype, check=Check(level))
    return rows(resolve(config))
