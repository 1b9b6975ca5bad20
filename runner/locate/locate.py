"""Which line of a derivation is wrong: a repair, the first wrong step, or that it is not known."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations

import torch
from torch import Tensor

from runner.case.spec import Spec
from runner.formula.derivation import Derivation
from runner.locate.alone import Alone
from runner.locate.answer import Answer
from runner.locate.case import small_case
from runner.locate.dues import Dues
from runner.locate.edit import Edit
from runner.locate.needs import need
from runner.locate.place import Place
from runner.locate.replay import Clock, OutOfTimeError, Side
from runner.locate.search import NEAR, Search
from runner.locate.spot import Due, Repair, Spot, distinct
from runner.locate.trace import Step

SECONDS = 2.0
"""What one answer may take."""
OF_REPAIRS = 0.6
"""Of that, what looking for repairs may take."""
MOST_NAMED = 2
"""Places that are named, of which one holds the mistake."""
MOST_OF_LOCAL = 1.6
"""What an edit costs where other values are not asked for."""

Skip = Callable[[Spot, Edit], bool]


def located(spec: Spec, derivation: Derivation) -> Answer:
    """Return where a derivation is wrong, on two cases of the locator's own."""
    return searched(spec, derivation)[0]


def searched(
    spec: Spec, derivation: Derivation, skip: Skip | None = None
) -> tuple[Answer, Search | None, list[Repair]]:
    """Return the answer with the search that it comes from; `skip` leaves edits out of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a derivation is warned of has been told when it was judged
        return _searched(spec, derivation, skip)


def _searched(
    spec: Spec, derivation: Derivation, skip: Skip | None
) -> tuple[Answer, Search | None, list[Repair]]:
    clock = Clock.of(SECONDS)
    try:
        search = _search(spec, derivation, clock)
    except OutOfTimeError:
        return Answer(kind="nowhere", reason="time"), None, []
    except Exception:  # a derivation that raises, or a forward that refuses small sizes
        return Answer(kind="nowhere", reason="raises"), None, []
    if isinstance(search, str):
        return Answer(kind="nowhere", reason=search), None, []
    if skip:
        search.skip = skip
    repairs: list[Repair] = []
    return answered(search, repairs), search, repairs


def _search(spec: Spec, derivation: Derivation, clock: Clock) -> Search | str:
    """Return the search at the first sizes that show a mistake, or why there is none."""
    for larger, scale in ((0, 1), (4, 1), (0, 4)):
        one = Side.of(*small_case(spec, 0, larger, scale), derivation, clock)
        one.of_size = larger, scale
        if one.wrong(one.trace.gradients):
            others = [*_others(spec, derivation, clock, one, larger, scale)]
            return Search(one, others[0], spec, third=others[1:]) if others else "control_flow"
    return "right_here"


def _others(
    spec: Spec, derivation: Derivation, clock: Clock, one: Side, larger: int, scale: float
) -> Iterator[Side]:
    """Yield other seeds at other shapes, or at the same where sizes decide what is done."""
    for seed, more in ((1, 1), (1, 0), (2, 5)):
        try:
            other = Side.of(*small_case(spec, seed, larger + more, scale), derivation, clock)
        except OutOfTimeError:
            raise
        except Exception:  # these sizes do not fit
            continue
        if alike(one, other):
            yield other


def alike(one: Side, other: Side) -> bool:
    """Tell whether two runs took the same steps."""
    return [*_calls(one)] == [*_calls(other)]


def _calls(side: Side) -> list[tuple[int, str]]:
    return [(step.index, step.name) for step in side.trace.steps.values()]


def answered(search: Search, repairs: list[Repair]) -> Answer:
    """Weigh what is found; the repairs are put into the list."""
    if (certain := of_returned(search)) is not None:
        return certain
    dues: list[Due] = []
    try:
        with search.one.clock.part(OF_REPAIRS), suppress(OutOfTimeError):
            _repair(search, repairs)
        best = near(repairs)
        if len(distinct(r.spot.place for r in best)) != 1 or search.is_soft(best[0].spot):
            dues.extend(Dues(search).found())
        if not repairs and not dues:
            dues.extend(Dues(search).found(soft=True))
        if repairs and not _contradicted(search, repairs, dues):
            return replace(_of_repairs(search, repairs, dues), seeds=len({id(side) for side in search.sides}))
        return _of_spots(search, dues)
    except OutOfTimeError:
        return _of_repairs(search, repairs, dues) if repairs else Answer(kind="nowhere", reason="time")


def _repair(search: Search, repairs: list[Repair]) -> None:
    """Look for repairs, the cheapest kinds first; those that are found when the time is over stay."""
    repairs.extend(search.local_repairs())
    if not repairs or min(r.edit.cost for r in repairs) > MOST_OF_LOCAL:
        repairs.extend(search.pool_repairs(arguments=False))
    if not repairs:
        repairs.extend(search.unfinished())
    if not repairs:
        repairs.extend(search.pool_repairs(arguments=True))
    if not repairs:
        repairs.extend(search.curved_repairs())


def _contradicted(search: Search, repairs: Sequence[Repair], dues: Sequence[Due]) -> bool:
    """Tell whether repairs change only what is known to be right, off the way to the first wrong step."""
    best = near(repairs)
    if not dues or not all(search.is_soft(repair.spot) for repair in best):
        return False
    places = _of_spots(search, dues).places
    on_the_way = {(line.file, line.line) for place in places for line in place}
    return not any((r.spot.place[0].file, r.spot.place[0].line) in on_the_way for r in best)


def near(repairs: Sequence[Repair]) -> list[Repair]:
    """Return the repairs that cost about the least."""
    least = min((repair.edit.cost for repair in repairs), default=0)
    return [repair for repair in repairs if repair.edit.cost <= least + NEAR]


def _of_repairs(search: Search, repairs: Sequence[Repair], dues: Sequence[Due]) -> Answer:
    best = near(repairs)
    if dues:
        best = [r for r in best if r.spot.time <= dues[0].spot.time] or best
    best.sort(key=lambda r: (r.edit.cost, r.spot.time))
    places = distinct(r.spot.place for r in best)
    if len(places) == 1 and search.is_soft(best[0].spot):
        places = distinct([*places, *_users(search, best[0].spot)])[:MOST_NAMED]
    if len(places) > MOST_NAMED:
        return Answer(kind="nowhere", reason="several_repairs", between=tuple(places))
    due = dues[0].value if dues else ""
    text = best[0].spot.steps[0].place[0].text if best[0].spot.steps else best[0].spot.bindings[0].name
    return Answer(kind="repair", places=tuple(places), repair=best[0].what, due=due, text=text)


def _of_spots(search: Search, dues: Sequence[Due]) -> Answer:
    """Name the lines that are left, if they are one or two."""
    left = [spot for spot in search.suspects if not spot.is_argument]
    found = [spot for spot in left if not search.is_soft(spot)] or left
    due = dues[0].value if dues else ""
    if dues:
        found = [spot for spot in found if _is_before(search, spot, dues[0].spot)] or found
    places = distinct(spot.place for spot in found)
    likelier = _likelier(search, found) if len(places) > 1 else found
    if not any(spot.indices & search.constant for spot in likelier):  # a buffer says nothing of what fills it
        found, places = likelier, distinct(spot.place for spot in likelier)
        if len(places) == 1:
            places = distinct([*places, *_misused(search, found)])
        if dues and len(places) == MOST_NAMED + 1 and search.one.missing is not None:
            places = places[:MOST_NAMED]  # the last is where it comes to light
        if 0 < len(places) <= (MOST_NAMED if search.one.missing is not None else 1):
            if dues:
                places.sort(key=lambda place: place != dues[0].spot.place)
            return Answer(kind="step", places=tuple(places), due=due)
    reason = "between" if dues else "several"
    return Answer(kind="nowhere", reason=reason, between=tuple(places), due=due)


def _users(search: Search, spot: Spot) -> list[Place]:
    """Return the first line that uses a known value: it may be there that something is missing."""
    later = (s for s in search.suspects if s.time > spot.time or (s.bindings and s.time >= spot.time))
    return [s.place for s in later if not search.is_soft(s) and not s.is_argument][:1]


def _is_before(search: Search, spot: Spot, first: Spot) -> bool:
    """Tell whether a spot is what the first wrong step is made of, or that step itself."""
    made = {binding.source for binding in first.bindings if binding.source is not None} | first.indices
    before = search.one.trace.ancestors(made)
    return spot is first or bool(spot.indices & before) or (bool(spot.bindings) and spot.time <= first.time)


def _misused(search: Search, spots: Sequence[Spot]) -> list[Place]:
    """Return where known values are made that are used as they are, if one change there would repair."""
    first = spots[0]
    sources = {source for step in first.steps for source in step.sources}
    soft = [s for s in search.spots if s.steps and s.indices <= search.acquitted & sources and s.place]
    soft = [s for s in soft if not any(map(search.is_named_right, s.indices))]
    lines = distinct(s.place for s in soft if need(search.one, s.steps, ()) is not None)
    return lines if len(lines) == 1 else []


def _likelier(search: Search, spots: list[Spot]) -> list[Spot]:
    """Return the spots that speak for themselves; else those that speak not against themselves."""
    alone = Alone(search, search.spec, search.one.clock)
    try:
        findings = [alone.finding(spot) for spot in spots]
    except OutOfTimeError:
        return spots
    for chosen in ({"alone"}, {"alone", "unknown"}):
        found = [spot for spot, finding in zip(spots, findings, strict=True) if finding in chosen]
        if found:
            return found
    return spots


def of_returned(search: Search) -> Answer | None:
    """Tell whether what is wrong is what is returned: no step, a right one, or one of another shape."""
    places: list[Place] = []
    for name in search.wrong:
        found = _returned(search, name)
        if not found:
            return None
        places += found
    chosen = distinct(iter(places))
    if not chosen or len(chosen) > MOST_NAMED:
        return None
    return Answer(kind="step", places=tuple(chosen), due=", ".join(f"dL/d{name}" for name in search.wrong))


def _returned(search: Search, name: str) -> list[Place]:
    """Return where a wrong gradient is chosen, if that is what is wrong with it."""
    trace, truth = search.one.trace, search.one.truth[name]
    made, gradient = trace.returned.get(name), trace.gradients[name]
    another_shape = gradient.shape != truth.shape
    entry = trace.entries.get(name, ())
    if lacks := _lacks_a_sum(gradient, truth):  # its last name may be what a caller calls it
        entry = trace.entered.get(name, [entry])[-2:][0]
    if made is None or made in search.right or (another_shape and made in search.exact):
        same = [b.place for b in trace.bindings if not b.is_argument and _equal(b.value, gradient)]
        return [place for place in (entry, *([] if lacks and entry else same)) if place]
    if another_shape:
        step = trace.steps[made]
        floating = [operand for operand in step.operands if operand.is_floating_point()]
        if all(map(search.knows, floating)) or lacks:
            names = [b.place for b in trace.bindings if not b.is_argument and _is_operand(b.value, step)]
            same = [b.place for b in trace.bindings if not b.is_argument and _equal(b.value, gradient)]
            return [*same[:1], step.place, *names]
    return []


def _lacks_a_sum(gradient: Tensor, truth: Tensor) -> bool:
    """Tell whether a gradient is right once it is summed over some of its axes."""
    if gradient.numel() <= truth.numel():
        return False
    axes = range(gradient.ndim)
    sums = (gradient.sum(over) for n in axes for over in combinations(axes, n + 1))
    flat = truth.reshape(-1)
    alike = (one.reshape(-1) for one in sums if one.numel() == flat.numel())
    return any(torch.allclose(one, flat, rtol=1e-9, atol=1e-12) for one in alike)


def _is_operand(value: Tensor, step: Step) -> bool:
    return value.is_floating_point() and any(_equal(value, operand) for operand in step.operands)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)
