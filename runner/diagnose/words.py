"""How the figures of a statement are spelled."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any


def place(index: Sequence[int]) -> str:
    """Return an index as `[2,3]`."""
    return f"[{','.join(map(str, index))}]"


def places(indices: Iterable[int]) -> str:
    """Return places along one axis as `[2] and [3]`."""
    return joined((f"[{i}]" for i in indices), "and")


def shape(size: Sequence[int]) -> str:
    """Return a shape as `(2, 3)`."""
    return str(tuple(size))


def axes(dims: Sequence[int]) -> str:
    """Return `axis 1`, or `axes 0 and 1`."""
    return f"{'axis' if len(dims) == 1 else 'axes'} {joined(dims, 'and')}"


def joined(words: Iterable[Any], last: str) -> str:
    """Return `a, b or c`."""
    *most, final = map(str, words)
    return f"{', '.join(most)} {last} {final}" if most else final


def two_numbers(gradient: float, truth: float) -> str:
    """Return `0.31 instead of 0.62`, with as many digits as tell the two apart."""
    gradient, truth = gradient + 0.0, truth + 0.0  # -0 is 0
    for digits in (4, 6, 9, 12):
        if f"{gradient:.{digits}g}" != f"{truth:.{digits}g}":
            return f"{gradient:.{digits}g} instead of {truth:.{digits}g}"
    return f"{gradient!r} instead of {truth!r}"


def fraction(number: float) -> str:
    """Return a simple fraction as such, anything else as a decimal number."""
    nearest = Fraction(number).limit_denominator(10**6)
    simple = min(abs(nearest.numerator), nearest.denominator) <= 32
    if nearest and simple and abs(float(nearest) - number) <= 1e-14 * abs(number):
        return str(nearest)
    return f"{number:.6g}"


def factor(number: float) -> str:
    """Return nine digits of a factor, or as many as tell it from 1."""
    short = f"{number:.9g}"
    return short if short != "1" else f"1 + {number - 1:.3g}" if number > 1 else f"1 - {1 - number:.3g}"


def span(low: float, high: float) -> str:
    """Return `0.01 to 0.3`, or `0.01` where the two read the same."""
    start, stop = f"{low:.3g}", f"{high:.3g}"
    return start if start == stop else f"{start} to {stop}"


def verb(names: Sequence[Any]) -> str:
    """Return `is` for one name, `are` for several."""
    return "is" if len(names) == 1 else "are"
