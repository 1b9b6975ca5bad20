"""One mistake of each class, planted by hand, and the verdict and the diagnosis that it gets."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from runner.case.resolve import resolve
from runner.settings import Check, Config, Inputs
from tests.conftest import Plant
from tests.registry import rows

Gradients = dict[str, Tensor]
EPS = 1e-5


def shapes(batch: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"x": (batch, n), "w": (n,)}


def forward(x: Tensor, w: Tensor) -> dict[str, Tensor]:
    """Return w * x / sqrt(mean x^2 + eps), a root mean square norm, and its reciprocal root."""
    r = torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS)
    return {"y": w * x * r, "r": r}


def right(grad_y: Tensor, x: Tensor, w: Tensor, r: Tensor) -> Gradients:
    q, xh = w * grad_y, x * r
    return {"x": r * (q - xh * (q * xh).mean(-1, keepdim=True)), "w": (grad_y * xh).sum(0)}


def by_x(change: Callable[..., Tensor]) -> Callable[..., Gradients]:
    """Return the right derivation with another gradient by x, a function of it and of all arguments."""

    def planted(grad_y: Tensor, x: Tensor, w: Tensor, r: Tensor) -> Gradients:
        found = right(grad_y, x, w, r)
        return {**found, "x": change(found["x"], grad_y, x, w, r)}

    return planted


def damaged(grad: Tensor, g: Tensor, x: Tensor, w: Tensor, r: Tensor) -> Tensor:
    w.zero_()
    return grad


def in_storage_order(x: Tensor) -> Tensor:
    stored = x.untyped_storage().nbytes() // x.element_size()
    flat = torch.as_strided(x, (stored,), (1,), 0)
    return flat[torch.arange(x.numel()) % stored].reshape(x.shape)


def without_tail(grad: Tensor) -> Tensor:
    tiled = len(grad) // 5 * 5
    return torch.cat([grad[:tiled], torch.zeros_like(grad[tiled:])])


def reuses_its_buffer() -> Callable[..., Gradients]:
    buffers: dict[Any, Tensor] = {}

    def planted(grad_y: Tensor, x: Tensor, w: Tensor, r: Tensor) -> Gradients:
        found = right(grad_y, x, w, r)
        buffer = buffers.setdefault((x.shape, x.dtype), torch.empty_like(found["x"]))
        return {**found, "x": buffer.copy_(found["x"])}

    return planted


def remembers() -> Callable[..., Gradients]:
    known: dict[Any, Gradients] = {}

    def planted(grad_y: Tensor, x: Tensor, w: Tensor, r: Tensor) -> Gradients:
        found = known.setdefault((x.shape, x.dtype), right(grad_y, x, w, r))
        return {name: grad.clone() for name, grad in found.items()}

    return planted


def takes_chances() -> Callable[..., Gradients]:
    generator = torch.Generator().manual_seed(0)

    def noise(grad: Tensor, *_: Tensor) -> Tensor:
        return grad * (1 + torch.randint(-2, 3, grad.shape, generator=generator).to(grad) / 100)

    return by_x(noise)


def only_x(grad_y: Tensor, x: Tensor, w: Tensor, r: Tensor) -> Gradients:
    return {"x": right(grad_y, x, w, r)["x"]}


def unsummed(grad_y: Tensor, x: Tensor, w: Tensor, r: Tensor) -> Gradients:
    return {**right(grad_y, x, w, r), "w": grad_y * x * r}


def swapped(grad_y: Tensor, x: Tensor, w: Tensor, r: Tensor) -> Gradients:
    found = right(grad_y, x, w, r)
    return {"x": found["x"].mT, "w": found["w"]}


WRONG = {
    "algebra": by_x(lambda grad, g, x, w, r: r * (w * g + x * r * (w * g * x * r).mean(-1, keepdim=True))),
    "scale": by_x(lambda grad, g, x, w, r: grad * x.shape[-1] / (x.shape[-1] - 1 + (x.shape[-1] == 1))),
    "reduction axis": by_x(lambda grad, g, x, w, r: r * (w * g - x * r * (w * g * x * r).mean(0))),
    "dropped term": by_x(lambda grad, g, x, w, r: r * w * g),
    "wrong saved tensor": by_x(lambda grad, g, x, w, r: right(g, x, w, r * r)["x"]),
    "pre- against post-activation": by_x(lambda grad, g, x, w, r: right(g, w * x * r, w, r)["x"]),
    "forward/backward mismatch": by_x(lambda grad, g, x, w, r: grad * (1 + 1e-4 * torch.tanh(x))),
    "eps": by_x(lambda grad, g, x, w, r: right(g, x, w, 1 / (r.reciprocal() + EPS))["x"]),
    "ties and zeros": by_x(lambda grad, g, x, w, r: torch.where(x == 0, 0, grad)),
    "hard-coded dimension": by_x(lambda grad, g, x, w, r: grad * 7 / x.shape[-1]),
    "tail of a tile": by_x(lambda grad, g, x, w, r: without_tail(grad)),
    "upstream ignored": by_x(lambda grad, g, x, w, r: right(torch.ones_like(g), x, w, r)["x"]),
    "non-contiguous input": by_x(lambda grad, g, x, w, r: right(g, in_storage_order(x), w, r)["x"]),
    "non-contiguous upstream": by_x(lambda grad, g, x, w, r: right(in_storage_order(g), x, w, r)["x"]),
    "transpose": by_x(lambda grad, g, x, w, r: grad.mT.reshape(grad.shape)),
}  # fmt: skip
INVALID = {
    "missing broadcast sum": unsummed,
    "swapped axes": swapped,
    "in-place damage": by_x(damaged),
    "aliased result": reuses_its_buffer(),
    "wrong dtype": by_x(lambda grad, *_: grad.double()),
    "state between calls": remembers(),
    "non-determinism": takes_chances(),
}

SAID = {
    "algebra": "off by a multiple of the input, another in each row along axis 1",
    "scale": "off by a factor of 7/6 (n/(n-1))",
    "reduction axis": "no simple explanation: 35 of 35 elements differ",
    "dropped term": "off by a multiple of the input, another in each row along axis 1",
    "wrong saved tensor": "no simple explanation",
    "pre- against post-activation": "no simple explanation",
    "forward/backward mismatch": "no simple explanation",
    "eps": "no simple explanation",
    "ties and zeros": "wrong only for ties and values half of which are zero",
    "hard-coded dimension": "other_shapes: for n=1: off by a factor of 7",
    "tail of a tile": "wrong at 11 of 25 shapes",
    "upstream ignored": "linear_in_upstream: the gradient by x does not depend on the upstream gradient",
    "non-contiguous input": "wrong only for transposed inputs, x alone strided, strided inputs and",
    "non-contiguous upstream": "wrong only for a transposed upstream gradient, a strided upstream gradient",
    "transpose": "the right numbers, transposed and read into shape (5, 7)",
    "missing broadcast sum": "shape (5, 7) instead of (7,): the sum over axis 0 is missing",
    "swapped axes": "shape (7, 5) instead of (5, 7): the right gradient, transposed",
    "in-place damage": "unchanged_arguments: w is changed by the call",
    "aliased result": "the gradient by x is overwritten by a later call",
    "wrong dtype": "the gradient's dtype is torch.float64; that of the input is torch.float32",
    "state between calls": "independent_of_history: ",
    "non-determinism": "the gradient by x has other bits at the next call",
}


def judged(plant: Plant, derivation: Callable[..., Gradients], **settings: Any) -> dict[str, Any]:
    derivation.__name__ = "planted_one"
    plant(derivation, shapes=shapes, forward=forward, saved=("r",))
    config = Config(
        formula="planted", shape={"batch": 5, "n": 7}, check=Check("full"), inputs=Inputs("normal"),
        upstream="ones" if "ones" in settings else "normal", dtype=settings.get("dtype", "float32"),
    )  # fmt: skip
    return {row.wrt: row for row in rows(resolve(config))}


def test_the_right_one_passes(plant: Plant) -> None:
    by_input = judged(plant, lambda grad_y, x, w, r: right(grad_y, x, w, r))
    assert by_input.keys() == {"x", "w"}
    assert {row.verdict for row in by_input.values()} <= {"exact", "correct"}
    assert not any(row.failed_checks for row in by_input.values())


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_number(plant: Plant, kind: str) -> None:
    by_input = judged(plant, WRONG[kind])
    assert by_input["x"].verdict in ("wrong", "invalid"), by_input["x"]
    assert by_input["w"].verdict in ("exact", "correct"), "only the gradient by x is wrong"
    assert SAID[kind] in by_input["x"].diagnosis
    assert "w is right, only x is wrong" in by_input["x"].diagnosis


@pytest.mark.parametrize("kind", INVALID)
def test_a_broken_contract(plant: Plant, kind: str) -> None:
    by_input = judged(plant, INVALID[kind])
    broken = [row for row in by_input.values() if row.verdict in ("invalid", "wrong")]
    assert broken
    assert all(row.failed_checks for row in broken)
    assert any(SAID[kind] in row.diagnosis for row in broken), broken[0].diagnosis


def test_another_device(plant: Plant) -> None:
    row = next(iter(judged(plant, by_x(lambda grad, *_: grad.to("meta"))).values()))
    assert row.status == "failed" or row.verdict == "invalid"


def test_a_missing_output(plant: Plant) -> None:
    by_input = judged(plant, only_x)
    assert by_input["w"].status == "failed"
    assert "no derivation gives the gradient of w" in by_input["w"].error


@pytest.mark.parametrize(
    ("change", "dtype"),
    [
        (lambda grad, *_: grad.to(torch.float16).to(grad.dtype), "float32"),  # low-precision accumulation
        (lambda grad, *_: (grad + 4096) - 4096, "float32"),  # cancellation
        (lambda grad, g, x, w, r: grad * (x.abs().amax() ** 8 / x.abs().amax() ** 8), "float16"),  # overflow
    ],
    ids=["low-precision accumulation", "cancellation", "overflow"],
)
def test_a_mistake_of_the_arithmetic(plant: Plant, change: Callable[..., Tensor], dtype: str) -> None:
    assert judged(plant, by_x(change), dtype=dtype)["x"].verdict in ("inaccurate", "invalid", "wrong")


def test_an_ignored_upstream_under_ones(plant: Plant) -> None:
    assert judged(plant, WRONG["upstream ignored"], ones=True)["x"].verdict in ("wrong", "invalid")
