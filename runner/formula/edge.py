"""Degenerate cases that a formula claims to get right, and those that recur."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from runner.formula.signature import Function

Shape = Mapping[str, int | list[int]]


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A degenerate case that a formula claims to get right, as a change to any experiment of it.

    `shape` and `params` replace settings; `inputs` is a function that takes inputs by name and returns
    those that it replaces. Where `raises` is set, forward refuses the case with that exception. At a
    `kink` inputs tie, and the smallest change of one would take another branch. The functions below return
    cases that recur.
    """

    shape: Shape = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Function | None = None
    raises: type[Exception] | None = None
    kink: bool = False

    @staticmethod
    def empty(dimension: str) -> "Edge":
        """Return the case in which a dimension is 0; a list of sizes, such as a batch, is then [3, 0]."""
        return Edge(shape={dimension: 0})

    @staticmethod
    def filled(name: str, value: float, **edge: Any) -> "Edge":
        """Return the case in which one number stands all over an input; `edge` is the rest of an Edge."""
        return _changed(name, lambda x: torch.full_like(x, value), edge)

    @staticmethod
    def zeros(name: str, **edge: Any) -> "Edge":
        """Return the case in which an input is zero."""
        return Edge.filled(name, 0, **edge)

    @staticmethod
    def scaled(name: str, factor: float, **edge: Any) -> "Edge":
        """Return the case in which an input is multiplied, as to where a function saturates."""
        return _changed(name, lambda x: factor * x, edge)

    @staticmethod
    def shifted(name: str, offset: float, **edge: Any) -> "Edge":
        """Return the case in which a number is added to an input, as to where differences cancel."""
        return _changed(name, lambda x: x + offset, edge)


def _changed(name: str, change: Callable[[Tensor], Tensor], edge: Mapping[str, Any]) -> Edge:
    def inputs(**given: Tensor) -> dict[str, Tensor]:
        return {name: change(given[name])}

    parameter = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
    inputs.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    return Edge(inputs=inputs, **edge)
