"""Plant every mistake into one derivation, and let the judge and its rivals look for it."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from runner.case.case import Case
from runner.formula.signature import Function
from runner.record import spelled
from runner.selftest import judge, mutate, wrappers
from runner.selftest.equivalence import Difference, Laboratory
from runner.selftest.mistake import ACCURACY, Mistake, Target
from runner.selftest.rivals import RIVALS, catches
from runner.selftest.settings import variations
from runner.selftest.targets import targets
from runner.selftest.wrappers import NotApplicable

PLANTED, EQUIVALENT, NOT_APPLICABLE, DOES_NOT_RUN = "planted", "equivalent", "not applicable", "does not run"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one mistake, as plain data.

    `shown_by` is the first difference from the right derivation, or why there is none; `caught` says of
    each judge whether it noticed, `said` what handgrad had to say, `seconds` what each took.
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
    seconds: Mapping[str, float] = field(default_factory=dict)


def judges() -> tuple[str, ...]:
    """Return the columns of the table: handgrad's levels, and the rivals."""
    return (*(f"handgrad {level}" for level in judge.levels()), *RIVALS)


def plant(formula: str, derivation: str, kinds: Iterable[str] = (), most: int | None = None) -> list[Outcome]:
    """Plant mistakes of some classes, of all by default, into one derivation; at most so many, by lot."""
    (target,) = (t for t in targets([formula]) if t.derivation.name == derivation)
    params = list(variations(target.formula, target.spec.params))
    found = [*wrappers.mistakes(target), *mutate.mistakes(target, _cases(target, params))]
    wanted = {*kinds}
    if wanted and not wanted & {*ACCURACY}:  # any mistake may turn out to be one of accuracy alone
        found = [mistake for mistake in found if mistake.kind in wanted]
    if most is not None and len(found) > most:
        found = random.Random(0).sample(found, most)
    laboratory = Laboratory(target)
    outcomes = [_outcome(laboratory, mistake, params) for mistake in found]
    return [one for one in outcomes if not wanted or one.kind in wanted]


def _cases(target: Target, params: Iterable[Mapping[str, Any]]) -> Iterator[Case]:
    """Yield the experiment's own case, and one for each change of its hyper-parameters."""
    for changed in params:
        try:
            yield replace(target, spec=replace(target.spec, params=changed)).case
        except Exception:  # the shape does not allow these values
            continue


def _outcome(
    laboratory: Laboratory, mistake: Mistake | NotApplicable, params: Iterable[Mapping[str, Any]]
) -> Outcome:
    target = laboratory.target
    common: dict[str, Any] = {
        "formula": target.formula.name,
        "derivation": target.derivation.name,
        "name": mistake.name,
    }
    if isinstance(mistake, NotApplicable):
        return Outcome(**common, kind=mistake.kind, change="", state=NOT_APPLICABLE, shown_by=mistake.why)
    found, probes = None, 0
    for changed in params:
        probes += len(laboratory.at(changed))
        if found := laboratory.difference(mistake.make, changed):
            break
    if found is None:
        changed = target.spec.params
        found = laboratory.accuracy(mistake.make) or laboratory.second_order(mistake.make)
    if found is None:
        below = f"no less accurate than it, or than autograd, in {len(laboratory.low)} below"
        why = f"same result to rounding in {probes} probes in float64, {below}"
        return Outcome(**common, kind=mistake.kind, change=mistake.change, state=EQUIVALENT, shown_by=why)
    shown_by = f"{found.probe}: {found.what}"
    if found.raises and found.probe == "own inputs":
        return Outcome(
            **common, kind=mistake.kind, change=mistake.change, state=DOES_NOT_RUN, shown_by=shown_by
        )
    own = changed == target.spec.params
    there = target if own else replace(target, spec=replace(target.spec, params=changed))
    kind = _kind(mistake, found)
    return Outcome(
        **common,
        kind=kind,
        change=mistake.change,
        state=PLANTED,
        params="" if own else spelled(changed),
        shown_by=shown_by,
        **_judged(there, mistake.make, kind),
    )


def _kind(mistake: Mistake, found: Difference) -> str:
    """Return the class: of a change that only a lower precision shows, the one that it has there."""
    if found.second:
        return "second order"
    if not found.accuracy or mistake.kind in ACCURACY:
        return mistake.kind
    if "nan" in found.what or "inf" in found.what:
        return "overflow"
    return "cancellation" if "offset" in found.probe else "low-precision accumulation"


def _judged(target: Target, make: Callable[[], Function], kind: str) -> dict[str, Any]:
    """Show a mistake to every judge; one that rejects the right derivation too has not caught it."""
    caught: dict[str, bool] = {}
    seconds: dict[str, float] = {}
    noticed, said = False, ""
    for level in reversed(judge.levels()):
        if not noticed:  # a stricter level does what the others do, and more
            began = time.perf_counter()
            noticed, said = judge.verdict(target, make(), level, kind)
            seconds[f"handgrad {level}"] = time.perf_counter() - began
        caught[f"handgrad {level}"] = noticed
    for name, rival in RIVALS.items():
        began = time.perf_counter()
        noticed = catches(rival, target, make())
        seconds[name] = time.perf_counter() - began
        caught[name] = noticed and not _rejects_the_right_one(name, target)
    return {"caught": caught, "said": said, "seconds": seconds}


def _rejects_the_right_one(name: str, target: Target) -> bool:
    """Tell whether a rival rejects the derivation that is right."""
    key = name, target.derivation.name, repr(target.spec)
    if key not in _rejected:
        _rejected[key] = catches(RIVALS[name], target, target.function)
    return _rejected[key]


_rejected: dict[tuple[str, str, str], bool] = {}


def one_thread() -> None:
    """Keep a process to one core, so that two of them have one each."""
    torch.set_num_threads(1)
