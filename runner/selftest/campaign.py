"""Plant every mistake into one derivation, and let the judge and its rivals look for it."""

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import Any, Literal

from runner.case.case import Case
from runner.record import spelled
from runner.selftest import judge, mutate, wrappers
from runner.selftest.due import DUE, Grade
from runner.selftest.equivalence import Difference, Laboratory
from runner.selftest.judge import Judge, Said
from runner.selftest.mistake import ACCURACY, Mistake, Target
from runner.selftest.rivals import RIVALS, Rivals, applies
from runner.selftest.settings import variations
from runner.selftest.targets import targets
from runner.selftest.wrappers import NotApplicable

Candidate = Mistake | NotApplicable
PLANTED, EQUIVALENT, NOT_APPLICABLE, DOES_NOT_RUN = "planted", "equivalent", "not applicable", "does not run"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one mistake, as plain data.

    `shown_by` is the first difference from the right derivation, or why there is none; `caught` says of
    each judge that has something to say whether it noticed, `said` what handgrad had to say at its
    strictest, `diagnosis` how right that is, `seconds` what each took.
    """

    formula: str
    derivation: str
    kind: str
    name: str
    change: str
    state: str
    params: str = ""
    shown_by: str = ""
    caught: Mapping[str, bool] = field(default_factory=dict)
    said: str = ""
    diagnosis: Grade | Literal[""] = ""
    seconds: Mapping[str, float] = field(default_factory=dict)


def judges() -> tuple[str, ...]:
    """Return the columns of the table: handgrad's levels, and the rivals."""
    return (*(f"handgrad {level}" for level in judge.levels()), *RIVALS)


@dataclass(frozen=True)
class Lot:
    """How many mistakes are drawn for a derivation, of each class and in all; None stands for every one.

    Another seed draws others. Each class has its turn before one of them has its second.
    """

    per_class: int | None = None
    per_derivation: int | None = None
    seed: int = 0

    def order(self, found: Iterable[Candidate], name: str) -> list[Candidate]:
        """Return mistakes in the order of their turn; `name` is of what they are planted into."""
        if self.per_class is None and self.per_derivation is None:
            return list(found)
        drawn = random.Random(f"{self.seed} {name}")
        by_kind: dict[str, list[Candidate]] = {}
        for mistake in found:
            by_kind.setdefault(mistake.kind, []).append(mistake)
        classes = drawn.sample(list(by_kind.values()), len(by_kind))
        turns = zip_longest(*(drawn.sample(of_kind, len(of_kind)) for of_kind in classes))
        return [mistake for turn in turns for mistake in turn if mistake is not None]

    def is_drawn(self, kind: str, counts: Mapping[str, int]) -> bool:
        """Tell whether one more of a class is judged, after so many of each."""
        of_class = self.per_class is None or counts.get(kind, 0) < self.per_class
        return of_class and (self.per_derivation is None or sum(counts.values()) < self.per_derivation)


EVERYTHING = Lot()


def plant(formula: str, derivation: str, kinds: Collection[str] = (), lot: Lot = EVERYTHING) -> list[Outcome]:
    """Plant mistakes of some classes, of all by default, into one derivation.

    Those that change nothing, or do not run, are passed over, and others of their class drawn instead.
    """
    (target,) = (t for t in targets([formula]) if t.derivation.name == derivation)
    campaign = Campaign(target, list(variations(target.formula, target.spec.params)))
    found = [*wrappers.mistakes(target), *mutate.mistakes(target, cases(target, campaign.params))]
    drawn = lot.order(_wanted(found, kinds), f"{formula} {derivation}")
    return [one for one in campaign.outcomes(drawn, lot) if not kinds or one.kind in kinds]


def _wanted(found: list[Candidate], kinds: Collection[str]) -> list[Candidate]:
    """Choose classes; any mistake may turn out to be one of accuracy alone."""
    everything = not kinds or {*kinds} & {*ACCURACY}
    return found if everything else [mistake for mistake in found if mistake.kind in kinds]


def cases(target: Target, params: Iterable[Mapping[str, Any]]) -> Iterator[Case]:
    """Yield the experiment's own case, and one for each change of its hyper-parameters."""
    for changed in params:
        try:
            yield replace(target, spec=replace(target.spec, params=changed)).case
        except Exception:  # the shape does not allow these values
            continue


@dataclass
class Campaign:
    """The mistakes planted into one derivation, and what they are judged by."""

    target: Target
    params: Sequence[Mapping[str, Any]]
    judge: Judge = field(default_factory=Judge)
    rivals: Rivals = field(default_factory=Rivals)

    def __post_init__(self) -> None:
        self.laboratory = Laboratory(self.target)
        self.applicable = [name for name in RIVALS if applies(name, self.target)]

    def outcomes(self, mistakes: Iterable[Candidate], lot: Lot = EVERYTHING) -> Iterator[Outcome]:
        """Plant one after another, no more than the lot draws."""
        counts: Counter[str] = Counter()
        for mistake in mistakes:
            if lot.is_drawn(mistake.kind, counts):
                outcome = self._outcome(mistake)
                counts[mistake.kind] += outcome.state == PLANTED
                yield outcome

    def _outcome(self, mistake: Candidate) -> Outcome:
        about: dict[str, Any] = {
            "formula": self.target.formula.name,
            "derivation": self.target.derivation.name,
            "name": mistake.name,
        }
        if isinstance(mistake, NotApplicable):
            return Outcome(**about, kind=mistake.kind, change="", state=NOT_APPLICABLE, shown_by=mistake.why)
        blank = Outcome(**about, kind=mistake.kind, change=mistake.change, state=PLANTED)
        params, found = self._difference(mistake)
        if found is None:
            return replace(blank, state=EQUIVALENT, shown_by=self._why_equivalent())
        shown_by = f"{found.probe}: {found.what}"
        if found.raises and found.probe == "own inputs":
            return replace(blank, state=DOES_NOT_RUN, shown_by=shown_by)
        own = params == self.target.spec.params
        there = self.target if own else replace(self.target, spec=replace(self.target.spec, params=params))
        shown = replace(
            blank, kind=_kind(mistake, found), params="" if own else spelled(params), shown_by=shown_by
        )
        return self._judged(shown, there, mistake)

    def _difference(self, mistake: Mistake) -> tuple[Mapping[str, Any], Difference | None]:
        """Return the first difference from the right derivation, and the hyper-parameters that show it."""
        for params in self.params:
            if found := self.laboratory.difference(mistake.make, params):
                return params, found
        found = self.laboratory.not_finite(mistake.make) if mistake.kind == "not finite" else None
        ways = [self.laboratory.accuracy, self.laboratory.second_order]
        if mistake.kind == "second order":  # whose rounding may differ as well
            ways.reverse()
        return self.target.spec.params, found or next(filter(None, (way(mistake.make) for way in ways)), None)

    def _why_equivalent(self) -> str:
        probes = sum(len(self.laboratory.at(params)) for params in self.params)
        below = f"no less accurate than it, or than autograd, in {len(self.laboratory.low)} below"
        return f"same result to rounding in {probes} probes in float64, {below}"

    def _judged(self, planted: Outcome, there: Target, mistake: Mistake) -> Outcome:
        """Show a mistake to every judge; the diagnosis is that of the strictest."""
        looks: dict[str, Callable[[], Said | bool]] = {
            f"handgrad {level}": partial(self.judge.verdict, there, mistake.make(), level, planted.kind)
            for level in judge.levels()
        }
        looks |= {name: partial(self.rivals.catches, name, there, mistake.make()) for name in self.applicable}
        seen = {name: _timed(look) for name, look in looks.items()}
        strictest, _ = next(iter(seen.values()))
        assert isinstance(strictest, Said)
        due = mistake.due or DUE[planted.kind]
        return replace(
            planted,
            caught={
                name: found.caught if isinstance(found, Said) else found for name, (found, _) in seen.items()
            },
            said=str(strictest),
            diagnosis=due.grade(strictest.judgements) if strictest.caught else "",
            seconds={name: seconds for name, (_, seconds) in seen.items()},
        )


def _timed(look: Callable[[], Said | bool]) -> tuple[Said | bool, float]:
    began = time.perf_counter()
    return look(), time.perf_counter() - began


def _kind(mistake: Mistake, found: Difference) -> str:
    """Return the class: of a change that only a lower precision shows, the one that it has there."""
    if found.second:
        return "second order"
    if not found.accuracy or mistake.kind in ACCURACY:
        return mistake.kind
    if "nan" in found.what or "inf" in found.what:
        return "overflow"
    return "cancellation" if "offset" in found.probe else "low-precision accumulation"
