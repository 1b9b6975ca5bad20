"""What noise leaves of a measurement: intervals of medians, and whether two measurements differ.

Blocks of a shared machine have long tails on one side, and runs of slow ones. Hence medians, ranks and no
normal distribution; and ratios within a round, whose blocks saw the same machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal

import numpy as np

Z95, Z99 = 1.96, 2.576  # of the normal distribution, two-sided
LEAST_EFFECT = 0.05
"""The least change that is worth a word; half of it is never called a change."""

Answer = Literal["faster", "slower", "same", "ambiguous"]
OPPOSITE: dict[Answer, Answer] = {"faster": "slower", "slower": "faster"}


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return a 95 % interval of a median, by order statistics: ranks n/2 -+ 0.98 sqrt(n)."""
    ordered = sorted(values)
    k = max(0, math.floor((len(ordered) - Z95 * math.sqrt(len(ordered))) / 2))
    return ordered[k], ordered[-1 - k]


def width(values: Sequence[float]) -> float:
    """Return how wide the interval of a median is, as a part of it."""
    low, high = interval(values)
    return (high - low) / median(values)


def spread(values: Sequence[float]) -> float:
    """Return the interquartile range."""
    low, _, high = quantiles(values, method="inclusive")
    return high - low


@dataclass(frozen=True)
class Change:
    """How one measurement compares with another: new over old, with an interval of 99 %, and in a word."""

    answer: Answer
    ratio: float
    low: float
    high: float

    @property
    def reversed(self) -> "Change":
        """The same of old over new."""
        answer: Answer = OPPOSITE.get(self.answer, self.answer)
        return Change(answer, 1 / self.ratio, 1 / self.high, 1 / self.low)


def change(old: Sequence[float], new: Sequence[float], least: float = LEAST_EFFECT) -> Change:
    """Compare blocks of two measurements by their ranks.

    The ratio is the Hodges-Lehmann estimate, the median of all ratios of one block to another; its interval
    holds what the rank test of Mann and Whitney would not refuse (Moses 1965). It is `faster` or `slower`
    where 1 is outside of it and the ratio is nearer to the least effect than to 1; `same` where all of it is
    within the least effect; else `ambiguous`.
    """
    n, m = len(old), len(new)
    ratios = np.sort((np.log(new)[:, None] - np.log(old)[None, :]).ravel())
    rank = math.floor(n * m / 2 - Z99 * math.sqrt(n * m * (n + m + 1) / 12))
    outside = 0 if rank < 0 else rank
    low, middle, high = ratios[outside], np.median(ratios), ratios[-1 - outside]
    found = Change("ambiguous", *(float(np.exp(part)) for part in (middle, low, high)))
    return Change(_answer(found, least, enough=rank >= 0), found.ratio, found.low, found.high)


def _answer(found: Change, least: float, *, enough: bool) -> Answer:
    """Too few blocks allow no answer: their ranks could not refuse anything at 1 %."""
    half = 1 + least / 2
    if enough and found.low > 1 and found.ratio >= half:
        return "slower"
    if enough and found.high < 1 and found.ratio <= 1 / half:
        return "faster"
    if 1 / (1 + least) <= found.low and found.high <= 1 + least:
        return "same"
    return "ambiguous"
