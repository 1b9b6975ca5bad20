"""The smallest experiment that shows what a check found, and the settings that run it alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from runner.case.spec import Spec
from runner.checks import dimensions
from runner.checks.dimensions import Place, places
from runner.checks.subject import Subject
from runner.diagnose import Statement, say
from runner.formula.example import GIVEN, NOT_DRAWN
from runner.judge.sample import Sample
from runner.record import spelled
from runner.settings import Inputs

MOST_CALLS = 48  # on one finding; each at a shape no larger than that at which it was found
SIMPLE = (1.0, -1.0)  # numbers that all inputs are set to, where zeros do not show it


def smallest(subject: Subject, sample: Sample, wrt: str) -> Statement | None:
    """Say with which settings a sample's finding shows by itself; None where no settings show it."""
    search = Search(subject, sample, wrt)
    spec = next(filter(search.fails, _starts(subject, sample)), None)
    if spec is None:
        return None
    spec = next(filter(search.fails, _simpler(subject.spec, spec)), spec)
    for place in places(spec.shape):
        spec = search.shrunk(spec, place)
    settings = spelled(overrides(subject.spec, spec))
    return say("smallest", settings=settings, right=search.right_beside(spec)) if settings else None


def everywhere(spec: Spec, number: float) -> Spec:
    """Return a specification whose free inputs are one number."""
    return replace(spec, inputs=replace(spec.inputs, scale=0.0, offset=number))


def overrides(own: Spec, other: Spec) -> dict[str, object]:
    """Return what is set otherwise than in a specification, by the names that are typed."""
    parts = [(f"shape.{name}", size, own.shape.get(name)) for name, size in other.shape.items()]
    parts += [(f"params.{name}", value, own.params.get(name)) for name, value in other.params.items()]
    parts += [(name, getattr(other, name), getattr(own, name)) for name in ("dtype", "upstream", "seed")]
    own_tensors = {"file"} if own.inputs.file == GIVEN else set()  # which nobody types
    names = [field.name for field in fields(Inputs) if field.name not in own_tensors]
    parts += [(f"inputs.{n}", getattr(other.inputs, n), getattr(own.inputs, n)) for n in names]
    return {name: value for name, value, before in parts if value != before}


def _starts(subject: Subject, sample: Sample) -> Iterator[Spec]:
    """Yield the sample's specifications in the experiment's own dtype, then in that of the check."""
    yield from (replace(spec, dtype=subject.spec.dtype) for spec in sample.alone)
    yield from (spec for spec in sample.alone if spec.dtype != subject.spec.dtype)


def _simpler(own: Spec, spec: Spec) -> Iterator[Spec]:
    """Yield the specification at the experiment's own inputs and upstream gradient, then at simple ones."""
    upstreams = dict.fromkeys(one for one in (own.upstream, spec.upstream) if one not in NOT_DRAWN)
    for upstream in upstreams:
        same = replace(spec, upstream=upstream)
        if own.inputs.file is None:
            yield replace(same, inputs=own.inputs)
        if spec.inputs != own.inputs:
            yield replace(same, inputs=Inputs("zeros", ids=spec.inputs.ids))
            yield from (everywhere(same, number) for number in SIMPLE)
            yield same


def size_at(spec: Spec, place: Place) -> int:
    """Return the size of a dimension."""
    name, i = place
    size = spec.shape[name]
    return size if isinstance(size, int) else size[i or 0]


def resized(spec: Spec, place: Place, n: int) -> Spec:
    """Return a specification with another size of one dimension."""
    return replace(spec, shape=dimensions.resized(spec.shape, place, n))


@dataclass
class Search:
    """What is known of a finding at other specifications; past the budget nothing fails."""

    subject: Subject
    sample: Sample
    wrt: str
    calls: int = MOST_CALLS

    def fails(self, spec: Spec) -> bool:
        """Tell whether the derivation is wrong at a specification; it is not where it cannot be called."""
        return self._ratio(spec) > 1

    def shrunk(self, spec: Spec, place: Place) -> Spec:
        """Bisect one dimension between the smallest size, 1, and the one that fails."""
        right, wrong = 0, size_at(spec, place)
        middle = 1
        while right < middle < wrong:
            if self.fails(resized(spec, place, middle)):
                wrong = middle
            else:
                right = middle
            middle = (right + wrong) // 2
        return resized(spec, place, wrong)

    def right_beside(self, spec: Spec) -> list[str]:
        """Return the sizes, one smaller than those that fail, at which the derivation is right."""
        smaller = [(place, size_at(spec, place) - 1) for place in places(spec.shape)]
        specs = [resized(spec, place, n) for place, n in smaller if n > 0]
        return [spelled(overrides(spec, one)) for one in specs if self._ratio(one) <= 1]

    def _ratio(self, spec: Spec) -> float:
        """Return the error over its bound; NaN where there is none, or no call is left."""
        if not self.calls:
            return math.nan
        self.calls -= 1
        kink = self.sample.kink or not spec.inputs.scale
        sample = self.subject.sample(self.sample.condition, spec, shape=spec.shape, kink=kink)
        return self.subject.ratio(sample, self.wrt) if sample else math.nan
