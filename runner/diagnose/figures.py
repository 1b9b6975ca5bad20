"""The figures that statements take from tensors."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runner.diagnose.evidence import Evidence, magnitude


def counts(evidence: Evidence) -> dict[str, int]:
    """Return how many elements are wrong, of how many."""
    return {"count": evidence.count, "total": evidence.truth.numel()}


def worst(evidence: Evidence) -> dict[str, Any]:
    """Return the element that is furthest from the truth, with both its numbers; a NaN comes first."""
    error = evidence.difference.abs()
    flat = int(torch.where(error.isnan(), math.inf, error).argmax())
    index = tuple(map(int, np.unravel_index(flat, tuple(evidence.truth.shape))))
    gradient, truth = float(evidence.gradient[index]), float(evidence.truth[index])
    return {"index": list(index), "gradient": gradient, "truth": truth}


def sizes(tensor: Tensor) -> list[float]:
    """Return the smallest and the largest |x|, over what is not zero."""
    nonzero = tensor.abs()[tensor != 0]
    return [float(nonzero.amin()) if nonzero.numel() else 0.0, magnitude(tensor)]


def extremes(numbers: Tensor) -> list[float]:
    """Return the smallest and the largest number."""
    return [float(numbers.amin()), float(numbers.amax())]
