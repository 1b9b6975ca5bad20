"""Makes an answer of repairs, of steps and of the source."""

from collections.abc import Sequence

from runner.locate.answer import Answer
from runner.locate.instead import (
    OF_VALUES,
    as_well,
    bypassed,
    inside,
    users,
    with_instead,
    with_operand,
    wrapped,
    written,
)
from runner.locate.left import of_spots
from runner.locate.returned import MOST_NAMED
from runner.locate.search import NEAR, Search
from runner.locate.spot import Due, Repair, distinct


def contradicted(search: Search, repairs: Sequence[Repair], dues: Sequence[Due]) -> bool:
    """Tell whether repairs change only what is known to be right, off the way to the first wrong step.

    Or what comes after that step, where all that goes into it is right.
    """
    best = near(repairs)
    if not dues:
        return False
    if surely(search, dues[0]) and all(repair.spot.time > dues[0].spot.time for repair in best):
        return True
    if not all(search.is_soft(repair.spot) for repair in best):
        return False
    places = of_spots(search, dues).places
    on_the_way = {(line.file, line.line) for place in places for line in place}
    return not any((r.spot.place[0].file, r.spot.place[0].line) in on_the_way for r in best)


def surely(search: Search, due: Due) -> bool:
    """Tell whether a step is wrong without a doubt: made of what is right, and its own value is known."""
    return search.is_made_of_known(due.spot) and not search.says_nothing(due)


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
    places = distinct([*written(search, best[0]), *(r.spot.place for r in best)])
    if len(places) == 1 and search.is_soft(best[0].spot):
        places = distinct([*places, *users(search, best[0].spot)])[:MOST_NAMED]
    if best[0].what.name in OF_VALUES or best[0].spot.is_argument:
        places = distinct([*places, *inside(search, best[0].spot)])
    places = distinct([*places, *as_well(search, best[0])])
    if len(places) == 1:
        places = distinct([*places, *bypassed(search, places[0], best[0].what)])[:MOST_NAMED]
    if len(places) == 1:
        places = with_operand(search, best[0], places)
    if len(places) > MOST_NAMED:
        return Answer(kind="nowhere", reason="several_repairs", between=tuple(places))
    due = dues[0].value if dues else ""
    text = best[0].spot.steps[0].place[0].text if best[0].spot.steps else best[0].spot.bindings[0].name
    changed = best[0].spot.place
    return Answer(
        kind="repair", places=tuple(places), repair=best[0].what, due=due, text=text, changed=changed
    )


def of_rewrites(search: Search, seeds: int) -> Answer:
    """Name the places of the likeliest changes of the source."""
    least = min(rewrite.cost for rewrite in search.rewrites)
    best = sorted((r for r in search.rewrites if r.cost <= least + NEAR), key=lambda r: r.cost)
    places = distinct(r.place for r in best)
    if len(places) == 1:
        places = wrapped(search, best[0]) or with_instead(search, best[0])
    if len(places) > MOST_NAMED:
        return Answer(kind="nowhere", reason="several_repairs", between=tuple(places))
    first = best[0]
    return Answer(
        kind="repair",
        places=tuple(places),
        repair=first.what,
        text=first.text,
        changed=first.place,
        seeds=seeds,
    )
