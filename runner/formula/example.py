"""The experiment that a formula brings along."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from runner.formula.edge import Shape

GIVEN = "given"
"""In place of a file: the inputs are an example's own tensors."""
NOT_DRAWN = ("file", GIVEN)
"""Upstream gradients that come with the inputs, and fit no other shape."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """What `experiment=NAME` and `formula=NAME` run: each setting is replaced by the one that is typed.

    `upstream` and `distribution` are names out of `runner.formula.draw`. `tensors` are inputs, and perhaps
    upstream gradients as `grad_<output>`, of this very shape: those of float64 take any dtype, others keep
    theirs where it is the more precise.
    """

    shape: Shape
    params: Mapping[str, Any] = field(default_factory=dict)
    upstream: str = "normal"
    distribution: str = "normal"
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
