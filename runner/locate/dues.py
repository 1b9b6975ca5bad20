"""What a step should be: the known value which, in its place, makes every gradient right."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from runner.locate.edit import Call
from runner.locate.replay import OutOfTimeError
from runner.locate.search import Search
from runner.locate.spot import Due, Spot

MOST_PASSES = 8
"""Passes of a loop that are given values one after another."""


@dataclass(frozen=True)
class Dues:
    """The search for what steps should be, in the runs of another search."""

    search: Search

    def found(self, *, soft: bool = False) -> Iterator[Due]:
        """Yield the spots that known values in their place would repair, in the order of the run."""
        for spot in self.search.suspects:
            if spot.indices & self.search.constant or self.search.is_soft(spot) != soft:
                continue
            if all(value.is_floating_point() for value in spot.values):
                found = self._due(spot) if len(spot.values) == 1 else self._due_of_loop(spot)
                if found is not None:
                    yield found

    def _due(self, spot: Spot) -> Due | None:
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
            spot.steps, spot.bindings, _Sequence([v for v in values if v is not None])
        )

    def _told(self, entry: int, form: str) -> str:
        name = str(self.search.one.known[entry])
        return form.format(name) if form else name

    def _due_of_loop(self, spot: Spot) -> Due | None:
        """Give each pass of a loop the true gradient that makes fewer gradients wrong, one after another."""
        chosen: list[tuple[int, str]] = []
        values: list[Tensor | None] = [None] * len(spot.values)
        wrong = len(self.search.wrong)
        for i, value in enumerate(spot.values[:MOST_PASSES]):
            for entry, form, flat in self.search.one.atlas.forms.get(value.numel(), ()):
                if form or self.search.one.known[entry].kind != "gradient":
                    continue
                trial = [*values[:i], flat, *values[i + 1 :]]
                left = self._left(spot, trial)
                if left < wrong:
                    values, wrong = trial, left
                    chosen.append((entry, form))
                    break
        if wrong or len(chosen) < len(spot.values) or not self._too(spot, chosen):
            return None
        return Due(spot, ", ".join(dict.fromkeys(self._told(*one) for one in chosen)))

    def _left(self, spot: Spot, values: list[Tensor | None]) -> int:
        """Count the wrong gradients where passes are given values."""
        try:
            return len(
                self.search.one.wrong(self.search.one.run(spot.steps, spot.bindings, _Sequence(values)))
            )
        except OutOfTimeError:
            raise
        except Exception:  # what does not fit helps nobody
            return len(self.search.wrong)


class _Sequence:
    """Gives each call the next value; the call's own where there is none."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values
        self.reset()

    def reset(self) -> None:
        """Begin a new run."""
        self.waiting = iter(self.values)

    def __call__(self, call: Call) -> Tensor:
        value = next(self.waiting, None)
        return call.result if value is None else value.reshape(call.result.shape)


def _constant(value: Tensor) -> Callable[[Call], Tensor]:
    return lambda call: value.reshape(call.result.shape)
