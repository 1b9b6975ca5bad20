"""Makes an answer of the lines that are left, where nothing repairs."""

from collections.abc import Sequence

from runner.locate.alone import Alone
from runner.locate.answer import Answer
from runner.locate.limit import OutOfTimeError
from runner.locate.needs import need
from runner.locate.place import Place, is_same
from runner.locate.returned import MOST_NAMED
from runner.locate.search import Search
from runner.locate.spot import Due, Spot, distinct

LAYOUT = frozenset({
    "reshape", "view", "flatten", "unflatten", "unsqueeze", "squeeze", "expand", "contiguous", "clone", "to",
    "cat", "stack",
})  # fmt: skip
"""Steps that leave every number as it is."""


def of_spots(search: Search, dues: Sequence[Due]) -> Answer:
    """Name the lines that are left, if they are one or two."""
    found = _left(search, dues)
    places = distinct(spot.place for spot in found)
    likelier = _likelier(search, found) if len(places) > 1 else found
    due = dues[0].value if dues else ""
    if not any(spot.indices & search.constant for spot in likelier):  # a buffer says nothing of what fills it
        places = _few(search, likelier, dues)
        if 0 < len(places) <= MOST_NAMED:
            return Answer(kind="step", places=tuple(places), due=due)
    reason = "between" if dues else "several"
    return Answer(kind="nowhere", reason=reason, between=tuple(places), due=due)


def _left(search: Search, dues: Sequence[Due]) -> list[Spot]:
    """Return the suspects that nothing acquits, up to the first of which it is known what it should be."""
    every = [spot for spot in search.suspects if not spot.is_argument]
    found = [spot for spot in every if not search.is_soft(spot)] or every
    found = [spot for spot in found if not search.is_right_elsewhere(spot)] or found
    found = [spot for spot in found if not _lays_out(search, spot, found)] or found
    if not dues:
        return found
    first = dues[0].spot
    if search.is_made_of_known(first) or search.is_soft(first):
        return [first]
    return [spot for spot in found if _is_before(search, spot, first)] or found


def _few(search: Search, spots: Sequence[Spot], dues: Sequence[Due]) -> list[Place]:
    """Return the places of spots, the likeliest first, with those that may only hand on what is wrong."""
    places = distinct(spot.place for spot in spots)
    has_shape = search.one.missing is not None
    if len(places) == 1:
        inside = distinct([*places, *_misused(search, spots)])
        places = inside if len(inside) == 1 else places
    if len(places) == 1:
        places = distinct([*places, *_passed_on(search, spots)])[:MOST_NAMED]
    if len(places) == MOST_NAMED + 1 and (dues or not has_shape):
        places = places[:MOST_NAMED] if has_shape else places[1:]  # the last shows it, or makes the shape
    if len(places) == 1 and not has_shape:
        places = distinct([*_handed_on(search), *places])[:MOST_NAMED]
    if len(places) <= MOST_NAMED and dues and not search.says_nothing(dues[0]):
        places.sort(key=lambda place: not is_same(place[0], dues[0].spot.place[0]))
    return places


def _lays_out(search: Search, spot: Spot, others: Sequence[Spot]) -> bool:
    """Tell whether a spot only lays out anew what another one makes, with the shape that it should have."""
    if search.one.missing is None or not spot.steps or any(s.name not in LAYOUT for s in spot.steps):
        return False
    sources = {source for step in spot.steps for source in step.sources}
    return any(other.indices & sources for other in others if other is not spot)


def _handed_on(search: Search) -> list[Place]:
    """Return the lines that give a wrong gradient a name, or a key, which it had not before."""
    trace = search.one.trace
    made = {trace.returned.get(name) for name in search.wrong} - {None}
    bound = (b for b in trace.bindings if b.source in made and not b.is_argument)
    return [b.place for b in bound if not search.is_meant(b.source, b.meant)]


def _is_before(search: Search, spot: Spot, first: Spot) -> bool:
    """Tell whether a spot is what the first wrong step is made of, or that step itself."""
    made = {binding.source for binding in first.bindings if binding.source is not None} | first.indices
    before = search.one.trace.ancestors(made)
    return spot is first or bool(spot.indices & before) or (bool(spot.bindings) and spot.time <= first.time)


def _passed_on(search: Search, spots: Sequence[Spot]) -> list[Place]:
    """Return the first line that hands on as it is what a helper makes wrong."""
    made = {index for spot in spots for index in spot.indices}
    made |= {b.source for spot in spots for b in spot.bindings if b.source is not None}
    depth = max(len(spot.place) for spot in spots)
    own = {(line.file, line.line) for spot in spots for line in spot.place}
    bound = (b for b in search.one.trace.bindings if b.source in made and not b.is_argument)
    lines = (b.place for b in bound if (b.place[0].file, b.place[0].line) not in own)
    return [place for place in lines if len(place) < depth][:1]


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
