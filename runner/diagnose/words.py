"""How figures, places and shapes are spelled in a diagnosis."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from runner.diagnose.evidence import Evidence, magnitude


def worst(evidence: Evidence) -> tuple[int, ...]:
    """Return the index of the element that is furthest from the truth; a NaN comes first."""
    error = evidence.difference.abs()
    flat = int(torch.where(error.isnan(), math.inf, error).argmax())
    return tuple(int(i) for i in torch.unravel_index(torch.tensor(flat), evidence.truth.shape))


def listed(evidence: Evidence) -> str:
    """Return `[2,3]: `, the place of the worst element."""
    return f"{place(worst(evidence))}: "


def instead(evidence: Evidence) -> str:
    """Return `0.31 instead of 0.62`, of the worst element."""
    index = worst(evidence)
    return two_numbers(float(evidence.gradient[index]), float(evidence.truth[index]))


def two_numbers(found: float, right: float) -> str:
    """Return `0.31 instead of 0.62`, with as many digits as tell the two apart."""
    found, right = found + 0.0, right + 0.0  # -0 is 0
    for digits in (4, 6, 9, 12):
        if f"{found:.{digits}g}" != f"{right:.{digits}g}":
            return f"{found:.{digits}g} instead of {right:.{digits}g}"
    return f"{found!r} instead of {right!r}"


def place(index: Sequence[int]) -> str:
    """Return an index as `[2,3]`."""
    return f"[{','.join(map(str, index))}]"


def shape(size: Sequence[int]) -> str:
    """Return a shape as `(2, 3)`."""
    return str(tuple(size))


def sizes(tensor: Tensor) -> str:
    """Return the range of |x| over what is not zero: `0.01`, or `0.01 to 0.3`."""
    nonzero = tensor.abs()[tensor != 0]
    low = f"{float(nonzero.amin()) if nonzero.numel() else 0.0:.3g}"
    high = f"{magnitude(tensor):.3g}"
    return low if low == high else f"{low} to {high}"


def axes(dims: Iterable[int]) -> str:
    """Return `axis 1`, or `axes 0 and 1`."""
    dims = list(dims)
    return f"{'axis' if len(dims) == 1 else 'axes'} {joined(map(str, dims), 'and')}"


def joined(words: Iterable[str], last: str) -> str:
    """Return `a, b or c`."""
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final


def of_all(count: int, total: int) -> str:
    """Return `3 of 35 elements`."""
    return f"{count} of {total} elements"


def signed(numbers: Tensor) -> str:
    """Return the range of numbers with their signs: `-0.5 to 2`."""
    low, high = f"{float(numbers.amin()):.3g}", f"{float(numbers.amax()):.3g}"
    return low if low == high else f"{low} to {high}"
