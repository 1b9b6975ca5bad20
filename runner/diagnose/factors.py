"""Finds the factor between two tensors, and what it may be."""

import math
from dataclasses import dataclass

from torch import Tensor

from runner.diagnose.candidates import Candidate, candidates_of
from runner.diagnose.evidence import Evidence
from runner.diagnose.statement import Statement, say

COINCIDENCE = 0.1  # the largest share of all factors that the candidates together may cover


@dataclass(frozen=True)
class Factor:
    """A number by which two tensors differ, and what it may be: `m`, `1-p`.

    `plain` says that a formula may have the number itself, which is then one meaning beside the names.
    """

    value: float
    names: tuple[str, ...] = ()
    plain: bool = False

    @property
    def statement(self) -> Statement:
        """`1/5 (m or n)`."""
        return say("factor", value=self.value, named=self.named)

    @property
    def named(self) -> Statement | None:
        """The names alone, in brackets."""
        if not self.names:
            return None
        return say("or_named" if self.plain else "named", names=list(self.names))

    @property
    def apart(self) -> Statement | None:
        """`, times 1/5 (m or n)`; nothing where the factor is 1."""
        return None if self.value == 1 else say("apart", factor=self.statement)


def fitted(actual: Tensor, expected: Tensor) -> float:
    """Return the c for which c * expected is nearest to actual; NaN where expected is zero."""
    return float((actual * expected).sum() / expected.square().sum())


def relation(evidence: Evidence, actual: Tensor, expected: Tensor) -> Factor | None:
    """Return the factor between two tensors: 1 where they are equal, else one that has a name, or None."""
    if actual.shape != expected.shape:
        return None
    if evidence.agree(actual, expected):
        return Factor(1.0)
    if not evidence.may_be_proportional(actual, expected):
        return None
    c = fitted(actual, expected)
    if c and math.isfinite(c) and evidence.agree(actual, c * expected, c):
        return recognised(evidence, c, expected)
    return None


def recognised(evidence: Evidence, c: float, expected: Tensor, levels: int = 3) -> Factor | None:
    """Return a number with every simple candidate that it may be; None if there is none.

    `expected` is what the number multiplies, whose size tells how well it is known. A name must not be
    one of so many that a factor known so badly would meet one by chance.
    """
    uncertainty = 2 * evidence.tolerance * max(1.0, abs(c)) / float(expected.abs().amax())
    candidates = [candidate for candidate in candidates_of(evidence) if candidate.level <= levels]
    matching = [m for m in candidates if abs(abs(c) - m.value) <= uncertainty and _says_something(m, c)]
    if not matching:
        return None
    lowest = min(candidate.level for candidate in matching)
    as_simple = sum(candidate.level <= lowest for candidate in candidates)
    if uncertainty / abs(c) * as_simple > COINCIDENCE:
        return None
    last = max(lowest, 1)  # beside a constant, a dimension of the same size is named too
    return _factor(math.copysign(matching[0].value, c), [m for m in matching if m.level <= last])


def _says_something(candidate: Candidate, c: float) -> bool:
    """Tell a candidate from 1, which only the sign makes a mistake."""
    return candidate.value != 1 or (candidate.level == 0 and c < 0)


def _factor(value: float, matching: list[Candidate]) -> Factor:
    names = dict.fromkeys(candidate.name for candidate in matching if candidate.name)
    return Factor(value, tuple(names), any(candidate.level == 0 for candidate in matching))
