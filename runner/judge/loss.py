"""How a loss of accuracy is told: in unit roundoffs of the truth, while that is what it is."""

import torch

from runner.compare import Errors, unit_roundoff
from runner.diagnose import Statement, say


def loss(errors: Errors, excused: float, dtype: torch.dtype) -> Statement:
    """Say how much is lost, and how much is excused, in units of a dtype.

    What is not finite is counted; what is larger than the truth itself is no rounding of it, and is told as
    a plain number.
    """
    if errors.nonfinite:
        return say("not_finite", count=errors.nonfinite)
    if not errors.size:
        return say("loses_at_zero", error=errors.max_abs, excused=excused)
    if errors.max_abs > errors.size:
        return say("loses_all", error=errors.max_abs, size=errors.size, excused=excused)
    unit = unit_roundoff(dtype) * errors.size
    return say("loses", error=errors.max_abs / unit, excused=excused / unit)
