"""What a step should be: the known value which, in its place, makes every gradient right."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from runner.locate.edit import Call
from runner.locate.needs import CLOSE
from runner.locate.search import Search, Values
from runner.locate.spot import Due, Spot


@dataclass(frozen=True)
class Dues:
    """The search for what steps should be, in the runs of another search."""

    search: Search

    def found(self, *, soft: bool = False) -> Iterator[Due]:
        """Yield the spots that known values in their place would repair, in the order of the run."""
        for spot in self.search.suspects:
            if spot.is_argument or spot.indices & self.search.constant or self.search.is_soft(spot) != soft:
                continue
            is_floating = all(value.is_floating_point() for value in spot.values)
            if is_floating and (found := self._due(spot)) is not None:
                yield found

    def _due(self, spot: Spot) -> Due | None:
        """Recognise what a spot would have to be; where that may be several things, try what is known."""
        values = self.search.needed(spot)
        found = [self._exact(value) for value in values] if values else None
        if found and all(one is not None for one in found):
            forms = [one for one in found if one is not None]
            told = ", ".join(dict.fromkeys(self._told(*one) for one in forms))
            return Due(spot, told) if self._too(spot, forms) else None
        return self._tried(spot) if values is None and len(spot.values) == 1 else None

    def _exact(self, value: Tensor) -> tuple[int, str] | None:
        """Return which known value in which form a value is, to the digits that solving for it leaves."""
        flat = value.reshape(-1)
        if flat.numel() == 1:
            return self._number(flat)
        for entry, form, known in self.search.one.atlas.forms.get(flat.numel(), ()):
            if float((flat - known).norm()) <= CLOSE * float(known.norm()):
                return entry, form
        return None

    def _number(self, flat: Tensor) -> tuple[int, str] | None:
        """Return which gradient of a number a number is."""
        for entry, known in enumerate(self.search.one.known):
            is_number = known.kind == "gradient" and known.value.numel() == 1
            if is_number and math.isclose(float(known.value), float(flat), rel_tol=CLOSE):
                return entry, ""
        return None

    def _tried(self, spot: Spot) -> Due | None:
        (value,) = spot.values
        affine = self.search.is_affine(spot)
        for entry, form, flat in self.search.one.atlas.forms.get(value.numel(), ()):
            if not affine and form:
                continue
            if affine and not self.search.moves_right(spot, [flat.reshape(value.shape) - value]):
                continue
            if self.search.one.repaired(spot.steps, spot.bindings, _constant(flat)) and self._too(
                spot, [(entry, form)]
            ):
                return Due(spot, self._told(entry, form))
        return None

    def _too(self, spot: Spot, forms: list[tuple[int, str]]) -> bool:
        """Tell whether the same forms of the same known values do it at the other side."""
        values = [self.search.other.atlas.form(entry, form) for entry, form in forms]
        if any(value is None for value in values):
            return False
        return self.search.other.repaired(
            spot.steps, spot.bindings, Values([v for v in values if v is not None])
        )

    def _told(self, entry: int, form: str) -> str:
        name = str(self.search.one.known[entry])
        return form.format(name) if form else name


def _constant(value: Tensor) -> Callable[[Call], Tensor]:
    return lambda call: value.reshape(call.result.shape)
