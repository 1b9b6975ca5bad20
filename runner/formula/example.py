"""The experiment that a formula brings along."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.formula.edge import Shape


@dataclass(frozen=True, kw_only=True)
class Example:
    """What `experiment=NAME` and `formula=NAME` run: each setting is replaced by the one that is typed.

    `upstream` and `distribution` are names out of `runner.formula.draw`.
    """

    shape: Shape
    params: Mapping[str, Any] = field(default_factory=dict)
    upstream: str = "normal"
    distribution: str = "normal"
