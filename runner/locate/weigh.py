"""Makes an answer of repairs, of what steps should be, and of the lines that are left."""

import ast
from collections.abc import Sequence

import torch

from runner.diagnose import Statement, say
from runner.locate.alone import Alone
from runner.locate.answer import Answer
from runner.locate.edit import Call, Edit, operation
from runner.locate.limit import OutOfTimeError
from runner.locate.needs import need
from runner.locate.place import Line, Place
from runner.locate.returned import MOST_NAMED
from runner.locate.search import NEAR, Search
from runner.locate.spot import Due, Repair, Rewrite, Spot, distinct

FAR = 1.5
"""What a number costs that is not one of those which slip in by themselves."""
SIGN = say("times", factor="-1")
OF_VALUES = ("times", "turned")
"""Changes of what a step makes, whoever makes it."""


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
    if best[0].what.name in OF_VALUES or best[0].spot.is_argument:
        places = distinct([*places, *_inside(search, best[0].spot)])
    places = distinct([*places, *_as_well(search, best[0])])
    if len(places) == 1:
        places = distinct([*places, *_of_operand(search, best[0])])[:MOST_NAMED]
    if len(places) == 1:
        places = distinct([*places, *bypassed(search, places[0], best[0].what)])[:MOST_NAMED]
    if len(places) > MOST_NAMED:
        return Answer(kind="nowhere", reason="several_repairs", between=tuple(places))
    due = dues[0].value if dues else ""
    text = best[0].spot.steps[0].place[0].text if best[0].spot.steps else best[0].spot.bindings[0].name
    return Answer(kind="repair", places=tuple(places), repair=best[0].what, due=due, text=text)


def _as_well(search: Search, repair: Repair) -> list[Place]:
    """Return where the same sign, factor or transpose would repair too: a product does not tell its parts."""
    edit = repair.edit if repair.what.name in OF_VALUES else _as_factor(search, repair)
    returned = repair.spot.indices & {*search.one.trace.returned.values()}
    is_last = returned or any(binding.is_entry for binding in repair.spot.bindings)
    if edit is None or (search.makes_known(repair.spot, edit) and not is_last):
        return []
    others = (s for s in search.suspects if s is not repair.spot and not s.is_argument)
    unsure = (s for s in others if not search.is_soft(s) and search.is_affine(s))
    alike = [spot for spot in unsure if search.may_repair(spot, edit)]
    return [s.place for s in (*alike, *(_signed(search, repair.spot) if edit.what == SIGN else ()))]


def _signed(search: Search, spot: Spot) -> list[Spot]:
    """Return the one sum or difference that uses a step: another operator there is another sign of it."""
    users = [s for s in search.suspects if any(step.sources & spot.indices for step in s.steps)]
    sums = [s for s in users if operation(s.steps[0])[0] in ("add", "sub")]
    return sums if len(users) == 1 and not search.is_soft(sums[0] if sums else spot) else []


def _as_factor(search: Search, repair: Repair) -> Edit | None:
    """Return the factor that another number comes to, where nothing but that it repairs speaks for it."""
    if not repair.edit.is_number or repair.edit.cost < FAR or not repair.spot.steps:
        return None
    step = repair.spot.steps[0]
    new = repair.edit.make(Call(*step.called, step.value, search.one.pool, search.one.numbers))
    ratio = new.reshape(-1)[0] / step.value.reshape(-1)[0]
    is_factor = new.shape == step.value.shape and torch.allclose(new, ratio * step.value, rtol=1e-12)
    return Edit(repair.what, repair.edit.cost, lambda call: ratio * call.result) if is_factor else None


def _of_operand(search: Search, repair: Repair) -> list[Place]:
    """Return the line of a suspect operand which a repair takes another function of, or takes away."""
    if not repair.spot.steps:
        return []
    step, operand = repair.spot.steps[0], repair.edit.operand
    arg = step.called[0][operand] if operand is not None else None
    term = str(repair.what.figures.get("term", ""))
    made = (s for s in search.suspects if s.indices & step.sources and not s.is_argument)
    found = [
        spot.place
        for spot in made
        if term in _names_of(spot)
        or any(arg is not None and torch.equal(value, arg) for value in spot.values)
    ]
    return found[-1:]


def of_rewrites(search: Search, seeds: int) -> Answer:
    """Name the places of the likeliest changes of the source."""
    least = min(rewrite.cost for rewrite in search.rewrites)
    best = sorted((r for r in search.rewrites if r.cost <= least + NEAR), key=lambda r: r.cost)
    places = distinct(r.place for r in best)
    if len(places) == 1:
        places = distinct([*places, *_instead(search, best[0])])[:MOST_NAMED]
    if len(places) > MOST_NAMED:
        return Answer(kind="nowhere", reason="several_repairs", between=tuple(places))
    return Answer(kind="repair", places=tuple(places), repair=best[0].what, text=best[0].text, seeds=seeds)


def _instead(search: Search, rewrite: Rewrite) -> list[Place]:
    """Return what a change makes up for, or passes by: the end of what is called there, or a name's line."""
    inner = _called_from(search, rewrite.place[0], rewrite.called)
    if inner:
        return [max(inner, key=lambda spot: spot.time).place]
    return bypassed(search, rewrite.place, rewrite.what)


def _called_from(search: Search, here: Line, functions: frozenset[str] = frozenset()) -> list[Spot]:
    """Return the suspect steps of what a line calls, in some of the functions where these are given.

    What a call to one of these makes may be passed by: then all on the way to a wrong gradient are suspect.
    """
    called = [s for s in search.spots if any(_same(line, here) for line in s.place[1:])]
    suspect = [s for s in called if s.steps and s in search.suspects]
    if not functions:
        return suspect
    passed_by = [s for s in called if s.indices & search.guilty or (s.bindings and not s.is_argument)]
    found = ([s for s in spots if functions & _functions(s)] for spots in (suspect, passed_by))
    return next(filter(None, found), [])


def _functions(spot: Spot) -> set[str]:
    return {line.function for line in spot.place[:-1]}


def bypassed(search: Search, place: Place, what: Statement) -> list[Place]:
    """Return the line of the one suspect whose name a change takes out of an expression."""
    old, new = (_names(str(what.figures.get(key, ""))) for key in ("old", "new"))
    found = [
        spot
        for spot in search.suspects
        if not spot.is_argument and not _same(spot.place[0], place[0]) and _names_of(spot) & (old - new)
    ]
    found.sort(key=lambda spot: bool(spot.bindings))  # the last to have the name
    return [spot.place for spot in found[-1:]]


def _names_of(spot: Spot) -> set[str]:
    """Return the names that get what a spot makes."""
    return {name for step in spot.steps for name in step.named} | {b.name for b in spot.bindings}


def _names(text: str) -> set[str]:
    try:
        return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    except SyntaxError:
        return set()


def _same(one: Line, other: Line) -> bool:
    return (one.file, one.line) == (other.file, other.line)


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
        if len(places) == 1:
            places = distinct([*places, *_passed_on(search, found)])[:MOST_NAMED]
        if dues and len(places) == MOST_NAMED + 1 and search.one.missing is not None:
            places = places[:MOST_NAMED]  # the last is where it comes to light
        if len(places) == MOST_NAMED + 1 and search.one.missing is None:
            places = places[1:]  # the shape is wrong by what is done last
        if 0 < len(places) <= MOST_NAMED:
            if dues:
                places.sort(key=lambda place: place != dues[0].spot.place)
            return Answer(kind="step", places=tuple(places), due=due)
    reason = "between" if dues else "several"
    return Answer(kind="nowhere", reason=reason, between=tuple(places), due=due)


def _inside(search: Search, spot: Spot) -> list[Place]:
    """Return where what a step is given was made in what its line calls, or where an argument is used."""
    inner = _called_from(search, spot.place[0])
    if spot.is_argument:
        return [one.place for one in inner[:1]]
    sources = {source for step in spot.steps for source in step.sources}
    return [one.place for one in inner if one.indices & sources][-1:]


def _users(search: Search, spot: Spot) -> list[Place]:
    """Return the first line that uses a known value: it may be there that something is missing."""
    later = (s for s in search.suspects if s.time > spot.time or (s.bindings and s.time >= spot.time))
    return [s.place for s in later if not search.is_soft(s) and not s.is_argument][:1]


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
