"""Numbers rounded otherwise: how far a result moves for it is what rounding explains."""

import torch
from torch import Tensor

from runner import compare

UNIT = 2.0**-53  # float64's unit roundoff
DRAWS = 4
"""Of random signs, of which the largest effect counts."""


def is_steady(one: Tensor, other: Tensor) -> bool:
    """Tell whether two calls agree but for the order of sums, so that what moves is not chance."""
    allowed = compare.accuracy_bound(compare.magnitude(one), one.dtype, 1, 0.0)
    return compare.max_abs_error(one, other) <= allowed


class Nudge:
    """Moves numbers up or down by one unit roundoff each, by lot; the same seed draws the same signs."""

    def __init__(self, seed: int = 0) -> None:
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def __call__(self, tensor: Tensor, roundoff: float) -> Tensor:
        """Move the finite numbers of a floating tensor by `roundoff` of their own size."""
        drawn = torch.randint(0, 2, tensor.shape, generator=self._generator, device="cpu")
        signs = drawn.to(tensor) * 2 - 1
        return torch.where(tensor.isfinite(), tensor + tensor * (roundoff * signs), tensor)
