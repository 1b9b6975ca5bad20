"""Places where a mistake may be, what repairs them, and what they should be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import CodeType

from torch import Tensor

from runner.diagnose import Statement
from runner.locate.edit import Edit
from runner.locate.place import Place
from runner.locate.trace import Binding, Step


@dataclass(frozen=True, eq=False)
class Spot:
    """Steps that one expression makes, in the passes of a loop or through one chain of calls; or a name's."""

    place: Place
    steps: tuple[Step, ...] = ()
    bindings: tuple[Binding, ...] = ()
    is_one_of_several: bool = False
    """Whether the same expression is run through other chains of calls too."""

    @property
    def time(self) -> int:
        """When it is reached first, in calls."""
        return self.steps[0].index if self.steps else self.bindings[0].time

    @property
    def indices(self) -> frozenset[int]:
        """The places of its steps in the run."""
        return frozenset(step.index for step in self.steps)

    @property
    def is_argument(self) -> bool:
        """Whether it is a name that a function is called with."""
        return bool(self.bindings) and self.bindings[0].is_argument

    @property
    def values(self) -> list[Tensor]:
        """The numbers that it makes, or that the name gets."""
        return [step.value for step in self.steps] or [binding.value for binding in self.bindings]


@dataclass(frozen=True, eq=False)
class Repair:
    """A change that makes every gradient right at both sides."""

    spot: Spot
    edit: Edit

    @property
    def what(self) -> Statement:
        """What is changed, as data."""
        return self.edit.what


@dataclass(frozen=True, eq=False)
class Rewrite:
    """A change of a function that makes every gradient right at all sides; `words` are how it reads then."""

    place: Place
    what: Statement
    cost: float
    text: str
    called: frozenset[str]
    """The functions of which a call, or an argument, is changed or passed by."""
    codes: Mapping[CodeType, CodeType]
    words: str


@dataclass(frozen=True, eq=False)
class Due:
    """A spot which, given known values, makes every gradient right at both sides."""

    spot: Spot
    value: str


def distinct(places: Iterable[Place]) -> list[Place]:
    """Return places of different lines; a line and a line that is called from there are one, the inner."""
    found: list[Place] = []
    for place in places:
        if any(_holds(place, other) and len(other) >= len(place) for other in found):
            continue
        found = [other for other in found if not _holds(other, place) and not _holds(place, other)]
        found.append(place)
    return found


def _holds(outer: Place, inner: Place) -> bool:
    """Tell whether one place lies on the chain of calls to another."""
    first = outer[0]
    return any(line.file == first.file and first.line <= line.line <= line.end <= first.end for line in inner)


def holds(places: Iterable[Place], inner: Place) -> bool:
    """Tell whether a place is one of some, or lies on what one of them calls."""
    return any(_holds(place, inner) for place in places)
