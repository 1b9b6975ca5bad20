"""Formulas of one line, at numbers whose derivatives anybody can work out."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.formula.derivation import Derivation
from runner.formula.formula import Formula
from runner.formula.kind import GRADIENT, Kind

Function = Callable[..., Any]
Gradients = dict[str, Tensor]


def formula_of(forward: Function, *derivations: Function, kind: Kind = GRADIENT, **record: Any) -> Formula:
    """Make the record of a formula, of which no registry knows."""
    derived = {f.__name__: Derivation(f.__name__, kind, f, "by_hand") for f in derivations}
    parts = {"name": "by_hand", "shapes": dict, "derivations": derived, **record}
    return Formula(forward=forward, **parts)


def at(
    formula: Formula,
    upstream: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float64,
    params: Mapping[str, Any] | None = None,
    **inputs: Any,
) -> Case:
    """Put a formula at numbers given as lists or tensors; upstream gradients are ones unless given."""
    values = {name: tensor(value, dtype) for name, value in inputs.items()}
    case = Case(formula, values, params or {}, {})
    ones = {name: torch.ones_like(case.results[name]) for name in formula.outputs}
    given = {name: tensor(value, dtype) for name, value in (upstream or {}).items()}
    return Case(formula, values, params or {}, {**ones, **given})


def tensor(value: Any, dtype: torch.dtype = torch.float64) -> Tensor:
    """Make a tensor of a list; one that is given is left as it is."""
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=dtype)


def values(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return tensors as lists, to be compared with numbers written down."""
    return {name: value.tolist() for name, value in tensors.items()}


def product(W: Tensor, x: Tensor) -> Tensor:
    return W @ x


def outer_product(grad_y: Tensor, W: Tensor, x: Tensor) -> Gradients:
    return {"W": torch.outer(grad_y, x), "x": W.mT @ grad_y}


def cube(x: Tensor) -> Tensor:
    return x**3


def of_cube(grad_y: Tensor, x: Tensor) -> Gradients:
    return {"x": 3 * x**2 * grad_y}


def twice(x: Tensor) -> Tensor:
    return 2 * x


def of_twice(grad_y: Tensor) -> Gradients:
    return {"x": 2 * grad_y}


class Lying(torch.autograd.Function):
    """Identity, whose backward gives twice the gradient."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return 2 * grad


def lying(x: Tensor) -> Tensor:
    """Return x, of which autograd says that its slope is 2."""
    doubled: Tensor = Lying.apply(x)  # type: ignore[no-untyped-call]
    return doubled


def same(found: Tensor, expected: Any) -> bool:
    """Tell whether a tensor holds the very numbers written down, NaN among them."""
    right = torch.as_tensor(expected, dtype=found.dtype)
    return found.shape == right.shape and torch.equal(found.nan_to_num(77), right.nan_to_num(77))
