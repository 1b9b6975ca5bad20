"""Numbers below the normal ones of their dtype: they have lost digits, and their reciprocals overflow."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from runner.case.case import Case


def underflows(case: Case) -> bool:
    """Tell whether forward makes a subnormal number on its way, in whatever dtype it computes there."""
    watched = _Watched()
    with watched:
        case.evaluate(case.inputs)
    return watched.subnormal


class _Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Looks at what every operation makes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.subnormal = False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        self.subnormal = self.subnormal or any(map(_has_subnormal, tree_leaves(made)))
        return made


def _has_subnormal(made: object) -> bool:
    if not isinstance(made, Tensor) or not made.is_floating_point():
        return False
    size = made.abs()
    return bool(((size > 0) & (size < torch.finfo(made.dtype).smallest_normal)).any())
