"""What rounding alone makes of arithmetic: of a derivation's, and of autograd's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from runner import compare
from runner.case.case import Case
from runner.formula.derivation import Derivation
from runner.formula.kind import Kind
from runner.formula.weak import cached_weakly
from runner.judge import manual, reference
from runner.judge.rounding import DRAWS, Nudge, is_steady

Tensors = Mapping[str, Tensor]
LARGER = 2
"""Times the largest of four draws, beyond which one of normally distributed errors lies in 1 of 500."""


def widened(bound: float, error: float, size: float, case: Case, derivation: Derivation, wrt: str) -> float:
    """Return the correctness bound, or what rounding explains where that is more.

    That is the derivation's own, or the truth's, which in float64 has no more digits than a derivation.
    An error of more than the fourth root of the unit roundoff, beside the truth's `size` or the upstream
    gradient, is no rounding: three quarters of the digits are not lost by it.
    """
    dtype = case.dtype
    largest = max(size, case.upstream_size)
    if error <= bound or not error <= compare.unit_roundoff(dtype) ** 0.25 * largest:
        return bound
    bound = max(bound, LARGER * own_rounding(case, derivation).get(wrt, 0.0))
    if error <= bound or dtype != torch.float64:
        return bound
    return max(bound, LARGER * rounding_of(case, derivation.kind, reference.by_forward).get(wrt, 0.0))


def own_rounding(case: Case, derivation: Derivation) -> dict[str, float]:
    """Return how far each derivative moves when every step on its way is rounded otherwise.

    Each result of each operation moves by one unit roundoff of the case's dtype, up or down; the largest
    change of a few draws, which are the same every time. Steps that PyTorch does not see, those of a kernel
    or of NumPy, stay as they are, and so do steps in a lower precision, which are no rounding of this one.
    What explains an error in this way is the arithmetic of the derivation, not its mathematics. Where the
    derivation cannot be called in this way, there are none. Measured once for all inputs of a case.
    """
    known = _known(case)
    if derivation.function not in known:
        known[derivation.function] = _movements(lambda: manual.gradients(case, derivation), case)
    return known[derivation.function]


@cached_weakly
def _known(case: Case) -> dict[Callable[..., Any], dict[str, float]]:
    """Return what was measured of each derivation on a case, to be added to."""
    return {}


def rounding_of(case: Case, kind: Kind, differentiate: Callable[..., Tensors]) -> dict[str, float]:
    """Return how far each of autograd's derivatives in a dtype moves when its steps are rounded otherwise."""
    return _movements(lambda: differentiate(case, kind), case)


def _movements(derivatives: Callable[[], Tensors], case: Case) -> dict[str, float]:
    roundoff = compare.unit_roundoff(case.dtype)
    try:
        plain = {wrt: gradient.clone() for wrt, gradient in derivatives().items()}
        steady = [wrt for wrt, again in derivatives().items() if is_steady(plain[wrt], again)]
        moved = dict.fromkeys(steady, 0.0)
        for seed in range(DRAWS if steady else 0):
            with _RoundedOtherwise(Nudge(seed), roundoff):
                other = derivatives()
            for wrt in steady:
                moved[wrt] = max(moved[wrt], compare.magnitude(other[wrt].double() - plain[wrt].double()))
    except Exception:  # then there is nothing to excuse it with
        return {}
    return moved


class _RoundedOtherwise(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Moves the result of every operation that makes new numbers by one roundoff, up or down."""

    def __init__(self, nudge: Nudge, roundoff: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._nudge, self._roundoff = nudge, roundoff

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(returned.alias_info for returned in func._schema.returns) or func in COPIES:
            return result  # a view, a copy, or written in place: no numbers of its own
        return _each(result, self._moved)

    def _moved(self, tensor: Tensor) -> Tensor:
        """Move numbers, but not whole ones among those that have fractions: what is exact is not rounded.

        They count and choose places, and would do so otherwise.
        """
        whole = (tensor == tensor.round()) & (tensor.abs() < 1 / (8 * self._roundoff))
        return torch.where(whole, tensor, self._nudge(tensor, self._roundoff))


COPIES = (torch.ops.aten.clone.default, torch.ops.aten._to_copy.default)


def _each(result: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(result, Tensor):
        return change(result) if result.is_floating_point() else result
    if isinstance(result, tuple | list):
        return type(result)(_each(one, change) for one in result)
    return result
