"""Numbers below the normal ones of their dtype: they have lost digits, and their reciprocals overflow."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from runner.case.case import Case
from runner.judge.dispatch import EachOperation


def underflows(case: Case) -> bool:
    """Tell whether forward makes a subnormal number on its way, in whatever dtype it computes there."""
    watched = _Watched()
    with watched:
        case.evaluate(case.inputs)
    return watched.subnormal


class _Watched(EachOperation):  # type: ignore[no-untyped-call]
    """Sees whether an operation makes a subnormal number."""

    def __init__(self) -> None:
        super().__init__()
        self.subnormal = False

    def see(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        self.subnormal = self.subnormal or any(map(_has_subnormal, tree_leaves(result)))


def _has_subnormal(made: object) -> bool:
    if not isinstance(made, Tensor) or not made.is_floating_point():
        return False
    size = made.abs()
    return bool(((size > 0) & (size < torch.finfo(made.dtype).smallest_normal)).any())
