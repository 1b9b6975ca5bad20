"""Recognises values: which known one it is, transposed, summed over an axis, or times a simple factor."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import torch
from torch import Tensor

from runner.locate.known import Known

CLOSE = 1e-9
"""Of the norm: float64 with what a few operations lose of it."""
ORDER = {"value": 0, "gradient": 0, "part": 1}


@dataclass(frozen=True)
class Match:
    """A known value in one of its forms, times a factor.

    `entry` is the place of the known value in the list, the same at every seed.
    """

    entry: int
    form: str
    factor: float
    known: Known

    @property
    def is_exact(self) -> bool:
        """Whether it is the known value itself."""
        return not self.form and self.factor == 1

    def __str__(self) -> str:
        name = str(self.known)
        inner = self.form.format(name) if self.form else name
        if self.factor == 1:
            return inner
        return f"-{inner}" if self.factor == -1 else f"{_number(self.factor)} * {inner}"


def _number(factor: float) -> str:
    fraction = Fraction(factor).limit_denominator(1000)
    close = math.isclose(float(fraction), factor, rel_tol=1e-12)
    return str(fraction) if close else f"{factor:.6g}"


@dataclass(frozen=True)
class Atlas:
    """All known values of a case in all their forms, by the number of their elements."""

    known: Sequence[Known]
    factors: Mapping[str, float]

    @cached_property
    def forms(self) -> dict[int, list[tuple[int, str, Tensor]]]:
        """Return the forms that have more than one element, those as they are first."""
        found: dict[int, list[tuple[int, str, Tensor]]] = {}
        for entry, known in enumerate(self.known):
            for form, value in _forms(known.value):
                flat = value.reshape(-1)
                if flat.numel() > 1 and bool((flat != flat[0]).any()) and bool(flat.isfinite().all()):
                    found.setdefault(flat.numel(), []).append((entry, form, flat))
        return found

    def form(self, entry: int, form: str) -> Tensor | None:
        """Return a known value in one of its forms."""
        found = (value for name, value in _forms(self.known[entry].value) if name == form)
        return next(found, None) if entry < len(self.known) else None

    @cached_property
    def _matrices(self) -> dict[int, tuple[Tensor, Tensor]]:
        made = {}
        for size, forms in self.forms.items():
            matrix = torch.stack([flat for _, _, flat in forms])
            made[size] = (matrix, matrix.norm(dim=1))
        return made

    def matches(self, value: Tensor) -> list[Match]:
        """Return what a value is, the simplest first."""
        flat = value.detach().reshape(-1).to(torch.float64)
        if flat.numel() not in self.forms or not bool(flat.isfinite().all()):
            return self._scalars(flat)
        size = float(flat.norm())
        if size == 0:
            return []
        matrix, norms = self._matrices[flat.numel()]
        factors = (matrix @ flat) / norms**2
        misses = (flat - factors[:, None] * matrix).norm(dim=1)
        found = []
        for i in (misses <= CLOSE * size).nonzero()[:, 0].tolist():
            entry, form, _ = self.forms[flat.numel()][i]
            if (factor := self._simple(float(factors[i]))) is not None:
                found.append(Match(entry, form, factor, self.known[entry]))
        return sorted(found, key=self._order)

    def _scalars(self, flat: Tensor) -> list[Match]:
        if flat.numel() != 1:
            return []
        equal = (
            Match(i, "", 1.0, known)
            for i, known in enumerate(self.known)
            if known.value.numel() == 1
            and torch.allclose(known.value.reshape(-1).double(), flat, rtol=1e-12, atol=0)
        )
        return sorted(equal, key=self._order)

    def _order(self, match: Match) -> tuple[int, int, int, int, int]:
        known = match.known
        strange = ORDER[known.kind] + (not known.name.isidentifier())
        return (not match.is_exact, match.factor != 1, bool(match.form), strange, len(known.name))

    def _simple(self, factor: float) -> float | None:
        for one in (1.0, *self.factors.values()):
            if math.isclose(abs(factor), abs(one), rel_tol=1e-9):
                return math.copysign(one, factor)
        return None


def _forms(value: Tensor) -> Iterator[tuple[str, Tensor]]:
    yield "", value
    if value.ndim >= 2 and min(value.shape[-2:]) > 1:
        yield "{}.mT", value.mT
    if value.ndim >= 2 or value.numel() > 1:
        for axis in range(value.ndim if value.ndim > 1 else 0):
            yield f"sum of {{}} over axis {axis}", value.sum(axis)
        if value.ndim > 2:
            yield "sum of {} over all axes but the last", value.reshape(-1, value.shape[-1]).sum(0)
