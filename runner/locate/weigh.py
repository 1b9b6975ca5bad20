"""Makes an answer of repairs, of what steps should be, and of the lines that are left."""

from collections.abc import Sequence

from runner.locate.alone import Alone
from runner.locate.answer import Answer
from runner.locate.needs import need
from runner.locate.place import Place
from runner.locate.replay import OutOfTimeError
from runner.locate.returned import MOST_NAMED
from runner.locate.search import NEAR, Search
from runner.locate.spot import Due, Repair, Spot, distinct


def contradicted(search: Search, repairs: Sequence[Repair], dues: Sequence[Due]) -> bool:
    """Tell whether repairs change only what is known to be right, off the way to the first wrong step."""
    best = near(repairs)
    if not dues or not all(search.is_soft(repair.spot) for repair in best):
        return False
    places = of_spots(search, dues).places
    on_the_way = {(line.file, line.line) for place in places for line in place}
    return not any((r.spot.place[0].file, r.spot.place[0].line) in on_the_way for r in best)


def near(repairs: Sequence[Repair]) -> list[Repair]:
    """Return the repairs that cost about the least."""
    least = min((repair.edit.cost for repair in repairs), default=0)
    return [repair for repair in repairs if repair.edit.cost <= least + NEAR]


def of_repairs(search: Search, repairs: Sequence[Repair], dues: Sequence[Due]) -> Answer:
    """Name the places of the likeliest repairs."""
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


def of_spots(search: Search, dues: Sequence[Due]) -> Answer:
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
            return [spot for spot in spots if spot in found or _decides(search, spot, found)]
    return spots


def _decides(search: Search, spot: Spot, chosen: Sequence[Spot]) -> bool:
    """Tell whether a spot makes masks or whole numbers, of which nothing is known but by what uses them."""
    if not spot.steps or any(value.is_floating_point() for value in spot.values):
        return False
    sources = {source for one in chosen for step in one.steps for source in step.sources}
    return bool(spot.indices & search.one.trace.ancestors(sources))
