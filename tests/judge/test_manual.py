"""A hand-written gradient is called raw: on copies, detached, and without autograd."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from runner.errors import FormulaError
from runner.judge import manual
from runner.judge.manual import ENGINE_ENTRIES, AutogradUsedError, copied, without_autograd
from tests.by_hand import Function, Gradients, at, cube, formula_of, of_cube, of_twice, twice, values

functional: Any = torch.autograd.functional
forward_ad: Any = torch.autograd.forward_ad


def called(derivation: Function, forward: Function = cube, **known: Any) -> Gradients:
    inputs = known.pop("inputs", {"x": [2, 3]})
    formula = formula_of(forward, derivation, **known)
    return manual.gradients(at(formula, **inputs), formula.derivations[derivation.__name__])


def leaf(x: Tensor) -> Tensor:
    return x.detach().clone().requires_grad_()


def summed(x: Tensor) -> Any:
    return (x**3).sum()


def dual(x: Tensor) -> Any:
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(cube(forward_ad.make_dual(x, torch.ones_like(x)))).tangent


def of_a_graph_made_outside() -> Callable[[Tensor], Any]:
    outside = leaf(torch.ones(2))
    total = summed(outside)
    return lambda x: total.backward()


WAYS: dict[str, Callable[[Tensor], Any]] = {
    "backward()": lambda x: summed(leaf(x)).backward(),
    "backward() of a graph made outside": of_a_graph_made_outside(),
    "autograd.backward": lambda x: torch.autograd.backward(summed(leaf(x))),
    "autograd.grad": lambda x: torch.autograd.grad(summed(given := leaf(x)), given),
    "functional.vjp": lambda x: functional.vjp(cube, x, x),
    "functional.jvp": lambda x: functional.jvp(cube, x, x),
    "functional.jacobian": lambda x: functional.jacobian(cube, x),
    "functional.jacobian forward": lambda x: functional.jacobian(
        cube, x, strategy="forward-mode", vectorize=True
    ),
    "functional.hessian": lambda x: functional.hessian(summed, x),
    "functional.vhp": lambda x: functional.vhp(summed, x, x),
    "functional.hvp": lambda x: functional.hvp(summed, x, x),
    "forward mode": dual,
    "func.grad": torch.func.grad(summed),
    "func.grad_and_value": torch.func.grad_and_value(summed),
    "func.vjp": lambda x: torch.func.vjp(cube, x)[1](x),
    "func.jvp": lambda x: torch.func.jvp(cube, (x,), (x,)),
    "func.jacrev": torch.func.jacrev(cube),
    "func.jacfwd": torch.func.jacfwd(cube),
    "func.hessian": torch.func.hessian(summed),
    "func.vmap of grad": lambda x: torch.func.vmap(torch.func.grad(lambda one: one**3))(x),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_into_autograd_raises(way: str) -> None:
    def asks(x: Tensor) -> Gradients:
        with torch.enable_grad():
            WAYS[way](x)
        return {}

    with pytest.raises(AutogradUsedError, match="by_hand: asks calls autograd, which a gradient derived by"):
        called(asks)
    assert torch.autograd.grad(summed(x := leaf(torch.ones(1))), x)[0].tolist() == [3], "open again"


def test_no_two_ways_share_a_refusal() -> None:
    """A derivation may be the first to import torch._dynamo, which takes one function of two names ill."""
    with without_autograd("nobody"):
        assert len({getattr(module, name) for module, name in ENGINE_ENTRIES}) == len(ENGINE_ENTRIES)


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_everything_is_put_back(error: type[BaseException] | None) -> None:
    def derivation(grad_y: Tensor, x: Tensor) -> Gradients:
        assert all(getattr(module, name).__name__ == "refuse" for module, name in ENGINE_ENTRIES)
        assert not torch.is_grad_enabled()
        if error:
            raise error
        return of_cube(grad_y, x)

    before = [getattr(module, name) for module, name in ENGINE_ENTRIES]
    if error:
        with pytest.raises(error):
            called(derivation)
    else:
        assert values(called(derivation)) == {"x": [12, 27]}
    assert [getattr(module, name) for module, name in ENGINE_ENTRIES] == before
    assert torch.is_grad_enabled()


def test_one_ban_within_another_puts_back_what_it_found() -> None:
    before = [getattr(module, name) for module, name in ENGINE_ENTRIES]
    with without_autograd("outer"):
        with without_autograd("inner"), pytest.raises(AutogradUsedError, match="inner"):
            torch.func.grad(summed)(torch.ones(2))
        with pytest.raises(AutogradUsedError, match="outer"):
            torch.func.grad(summed)(torch.ones(2))
    assert [getattr(module, name) for module, name in ENGINE_ENTRIES] == before


def test_nothing_that_it_gets_or_gives_has_a_graph() -> None:
    seen: list[Tensor] = []

    def spy(grad_y: Tensor, y: Tensor, x: Tensor) -> Gradients:
        seen.extend([grad_y, y, x])
        return of_cube(grad_y, x)

    found = called(spy, inputs={"x": torch.tensor([2.0, 3.0], requires_grad=True)})
    assert [tensor.requires_grad for tensor in (*seen, found["x"])] == [False] * 4


BASE = torch.arange(24.0).reshape(4, 6)
LAID_OUT = {
    "contiguous": BASE,
    "transposed": BASE.T,
    "every second": BASE[:, ::2],
    "a corner": BASE[1:3, 2:4],
    "repeated": BASE[0].expand(3, 6),
    "diagonal": BASE.diagonal(),
    "empty": BASE[:, 6:],
    "one number": BASE[2, 3],
    "bfloat16": BASE.bfloat16().T,
    "integers": BASE.long().T,
    "with a graph": BASE.clone().requires_grad_().T,
}


@pytest.mark.parametrize("layout", LAID_OUT)
def test_a_copy_lies_in_memory_as_the_original_does(layout: str) -> None:
    original = LAID_OUT[layout]
    copy = copied(original)
    assert torch.equal(copy, original)
    assert (copy.stride(), copy.dtype, copy.requires_grad) == (original.stride(), original.dtype, False)
    if not original.is_contiguous():
        assert copy.storage_offset() == original.storage_offset()
    assert copy.untyped_storage().data_ptr() != original.untyped_storage().data_ptr()


@pytest.mark.parametrize("layout", [name for name, tensor in LAID_OUT.items() if tensor.numel()])
def test_what_is_done_to_a_copy_stays_with_it(layout: str) -> None:
    original = LAID_OUT[layout]
    before, copy = original.tolist(), copied(original)
    copy.data.select(0, 0).zero_() if copy.ndim else copy.zero_()
    assert original.tolist() == before


@pytest.mark.parametrize("value", [None, 3, "mean", [1, 2]], ids=str)
def test_what_is_no_tensor_is_handed_on(value: Any) -> None:
    assert copied(value) is value


def test_what_a_derivation_does_to_its_arguments_stays_with_it() -> None:
    def vandal(grad_y: Tensor, y: Tensor, x: Tensor) -> Gradients:
        found = of_cube(grad_y, x)
        for tensor in (grad_y, y, x):
            tensor.zero_()
        return found

    formula = formula_of(cube, vandal)
    case = at(formula, x=[2, 3])
    for _ in range(2):
        assert values(manual.gradients(case, formula.derivations["vandal"])) == {"x": [12, 27]}
    assert values(case.inputs) == {"x": [2, 3]}
    assert values(case.results) == {"y": [8, 27]}
    assert values(case.upstream) == {"y": [1, 1]}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("X", r"by_hand: named: unknown gradient 'X'; did you mean 'x'\? There is: b, x\."),
        ("y", r"unknown gradient 'y'"),
        ("i", r"unknown gradient 'i'"),
        ("mask", r"unknown gradient 'mask'"),
    ],
    ids=["no input", "an output", "integers", "a constant"],
)
def test_a_gradient_by_what_has_none_is_refused(name: str, message: str) -> None:
    def named(grad_y: Tensor) -> Gradients:
        return {"b": grad_y, name: grad_y}

    with pytest.raises(FormulaError, match=message):
        called(
            named,
            lambda x, b, i, mask: x + b + i + mask,
            constants=("mask",),
            inputs={"x": [1], "b": [2], "i": torch.tensor([3]), "mask": [4]},
        )


def test_a_gradient_may_be_left_out() -> None:
    def partly(grad_y: Tensor) -> dict[str, Tensor | None]:
        return {"x": 2 * grad_y, "b": None}

    assert values(called(partly, lambda x, b: 2 * x, inputs={"x": [1], "b": [2]})) == {"x": [2]}


def test_nothing_is_summed_cast_or_expanded() -> None:
    def raw(grad_y: Tensor) -> Gradients:
        return {"x": grad_y[None, :1].to(torch.bfloat16)}

    found = called(raw, twice)["x"]
    assert (tuple(found.shape), found.dtype) == ((1, 1), torch.bfloat16)


def test_what_is_prepared_may_record_a_graph() -> None:
    def prepared_one(grad_y: Tensor, prepared: Tensor) -> Gradients:
        return {"x": prepared * grad_y}

    def prepare(known: dict[str, Any]) -> Tensor:
        given = leaf(known["x"])
        with torch.enable_grad():
            return torch.autograd.grad(summed(given), given)[0]

    prepared_one.prepare = prepare  # type: ignore[attr-defined]
    assert values(called(prepared_one)) == {"x": [12, 27]}


def test_the_rest_of_the_inputs_is_handed_over_by_name() -> None:
    def takes_rest(grad_y: Tensor, **others: Tensor) -> Gradients:
        return dict.fromkeys(others, grad_y * 1)

    found = called(takes_rest, lambda **parts: sum(parts.values()), inputs={"x1": [1], "x2": [2]})
    assert values(found) == {"x1": [1], "x2": [1]}


def test_an_empty_answer_is_one() -> None:
    assert called(lambda grad_y: {}) == {}
    assert values(called(of_twice, twice, inputs={"x": []})) == {"x": []}
