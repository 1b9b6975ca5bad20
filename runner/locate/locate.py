"""Which line of a derivation is wrong: a repair, the first wrong step, or that it is not known."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial

import torch

from runner.case.spec import Spec
from runner.formula.derivation import Derivation
from runner.locate.answer import Answer
from runner.locate.case import small_case
from runner.locate.dues import Dues
from runner.locate.edit import Edit
from runner.locate.left import of_spots
from runner.locate.limit import Clock, OutOfTimeError
from runner.locate.overwritten import of_overwritten
from runner.locate.replay import Side, alike
from runner.locate.returned import of_returned
from runner.locate.rewrite import Rewriting
from runner.locate.search import Search
from runner.locate.spot import Due, Repair, Rewrite, Spot, distinct, holds
from runner.locate.unused import of_unused
from runner.locate.weigh import contradicted, near, of_repairs, of_rewrites, surely
from runner.locate.workshop import workshop

SECONDS = 2.0
"""What one answer may take."""
OF_REPAIRS = 0.6
"""Of that, what looking for repairs may take."""
OF_REWRITES = 0.3
"""Of what is left then, what each kind of changes of the source may take."""
OF_DUES = 0.6
"""Of what is left then, what looking for what steps should be may take."""
MOST_OF_LOCAL = 1.6
"""What an edit costs where other values are not asked for."""

Skip = Callable[[Spot, Edit], bool]
Words = Callable[[str], bool]


def located(spec: Spec, derivation: Derivation) -> Answer:
    """Return where a derivation is wrong, on two cases of the locator's own."""
    return searched(spec, derivation)[0]


def searched(
    spec: Spec, derivation: Derivation, skip: Skip | None = None, words: Words | None = None
) -> tuple[Answer, Search | None, list[Repair]]:
    """Return the answer with the search that it comes from; `skip` leaves edits out of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a derivation is warned of has been told when it was judged
        return _searched(spec, derivation, skip, words)


def _searched(
    spec: Spec, derivation: Derivation, skip: Skip | None, words: Words | None
) -> tuple[Answer, Search | None, list[Repair]]:
    _warm_up()
    clock = Clock.of(SECONDS)
    try:
        search = _search(spec, derivation, clock)
    except OutOfTimeError:
        return Answer(kind="nowhere", reason="time"), None, []
    except Exception:  # a derivation that raises, or a forward that refuses small sizes
        return Answer(kind="nowhere", reason="raises"), None, []
    if isinstance(search, str):
        return Answer(kind="nowhere", reason=search), None, []
    search.skip = skip or search.skip
    search.skip_words = words or search.skip_words
    repairs: list[Repair] = []
    try:
        return answered(search, repairs), search, repairs
    except OutOfTimeError:
        return Answer(kind="nowhere", reason="time"), search, repairs


@cache
def _warm_up() -> None:
    """Make PyTorch import now what differentiating in one pass needs, which is no time of the search."""
    x = torch.ones(1, requires_grad=True)
    torch.autograd.grad(x * 2, x, torch.ones(1, 1), is_grads_batched=True)


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
        except Exception:  # these sizes do not fit
            continue
        if alike(one, other):
            yield other


def answered(search: Search, repairs: list[Repair]) -> Answer:
    """Weigh what is found; the repairs are put into the list.

    Where one of two statements should read a name, a repair of one of them tells which, or what is found at
    the first: that something is wrong at the last is no news.
    """
    certain = of_overwritten(search) or of_returned(search)
    if certain is not None:
        return certain
    found = _weighed(search, repairs)
    unread = search.unread
    if unread is None or len(found.places) != 1:
        return unread or found
    likely = unread.places if found.kind == "repair" else unread.places[:1]
    return found if holds(likely, found.places[0]) else unread


def _weighed(search: Search, repairs: list[Repair]) -> Answer:
    dues: list[Due] = []
    try:
        assert search.suspects is not None  # found once, in all of the time
        with search.one.clock.part(OF_REPAIRS), suppress(OutOfTimeError):
            _repair(search, repairs)
        seeds = len({id(side) for side in search.sides})
        if search.rewrites and all(map(search.is_on_soft_lines, search.rewrites)):
            _look(search, dues)
        if search.rewrites and not (dues and surely(search, dues[0])):
            return of_rewrites(search, seeds)
        if search.unread and len(search.unread.places) == 1:
            return search.unread
        best = near(repairs)
        if not dues and (len(distinct(r.spot.place for r in best)) != 1 or search.is_soft(best[0].spot)):
            _look(search, dues)
        if not repairs and all(map(search.says_nothing, dues)):
            soft: list[Due] = []
            _look(search, soft, soft=True)
            dues[:0] = soft
        if repairs and not contradicted(search, repairs, dues):
            return replace(of_repairs(search, repairs, dues), seeds=seeds)
        return of_spots(search, dues)
    except OutOfTimeError:
        return of_repairs(search, repairs, dues) if repairs else Answer(kind="nowhere", reason="time")


def _look(search: Search, dues: list[Due], *, soft: bool = False) -> None:
    """Look for what steps should be; what is found when a part of the time is over stays."""
    with search.one.clock.part(OF_DUES), suppress(OutOfTimeError):
        dues.extend(Dues(search).found(soft=soft))


def _repair(search: Search, repairs: list[Repair]) -> None:
    """Look for repairs, the cheapest kinds first; those that are found when the time is over stay."""
    copies = workshop(search)
    source = Rewriting(search, copies) if copies else None
    if source:
        _part(search, source.flips)
    if search.rewrites:
        return
    repairs.extend(search.local_repairs())
    if not repairs and source:
        _part(search, source.small)
    if not search.rewrites and (not repairs or min(r.edit.cost for r in repairs) > MOST_OF_LOCAL):
        repairs.extend(search.pool_repairs(arguments=False))
    if not repairs and not search.rewrites:
        search.unread = of_unused(search)
        if search.unread and len(search.unread.places) == 1:
            return
    for kind in (source.signs, source.wraps) if source else ():
        if not repairs and not search.rewrites:
            _part(search, kind)
    others = (search.unfinished, partial(search.pool_repairs, arguments=True), search.curved_repairs)
    for more in others:
        if not repairs and not search.rewrites:
            repairs.extend(more())


def _part(search: Search, kind: Callable[[], Iterator[Rewrite]]) -> None:
    """Look for changes of the source for a part of the time."""
    with search.one.clock.part(OF_REWRITES), suppress(OutOfTimeError):
        search.rewrites.extend(kind())
