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
NEARLY = 1e-9
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
        return self.matches_of([value])[0]

    def matches_of(self, values: Sequence[Tensor]) -> list[list[Match]]:
        """Return what each of several values is, those of one size at once."""
        found: list[list[Match]] = [[] for _ in values]
        flats = [value.detach().reshape(-1).to(torch.float64) for value in values]
        sizes: dict[int, list[int]] = {}
        for place, flat in enumerate(flats):
            if flat.numel() not in self.forms or not bool(flat.isfinite().all()):
                found[place] = self._scalars(flat)
            else:
                sizes.setdefault(flat.numel(), []).append(place)
        for places in sizes.values():
            of_size = self._of_size(torch.stack([flats[place] for place in places]))
            for place, matches in zip(places, of_size, strict=True):
                found[place] = matches
        return found

    def _of_size(self, flats: Tensor) -> list[list[Match]]:
        """Return what values of one size are; those that point where a known one does are looked at."""
        matrix, norms = self._matrices[flats.shape[1]]
        products, sizes = flats @ matrix.T, flats.norm(dim=1)
        found: list[list[Match]] = [[] for _ in flats]
        near = products.abs() >= (1 - NEARLY) * norms * sizes[:, None]
        for place, form in (near & (sizes[:, None] > 0)).nonzero().tolist():
            factor = float(products[place, form]) / float(norms[form]) ** 2
            miss = float((flats[place] - factor * matrix[form]).norm())
            if miss <= CLOSE * float(sizes[place]) and (simple := self._simple(factor)) is not None:
                entry, words, _ = self.forms[flats.shape[1]][form]
                found[place].append(Match(entry, words, simple, self.known[entry]))
        return [sorted(matches, key=self._order) for matches in found]

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
