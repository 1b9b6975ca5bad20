"""Which line of a derivation is wrong: a repair, the first wrong step, or that it is not known."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from runner.case.spec import Spec
from runner.formula.derivation import Derivation
from runner.locate.answer import Answer
from runner.locate.case import small_case
from runner.locate.dues import Dues
from runner.locate.edit import Edit
from runner.locate.place import Place
from runner.locate.replay import Clock, OutOfTimeError, Side
from runner.locate.search import NEAR, Search
from runner.locate.spot import Due, Repair, Spot, distinct
from runner.locate.trace import Step

SECONDS = 2.0
"""What one answer may take."""


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
        if one.wrong(one.trace.gradients):
            others = [*_others(spec, derivation, clock, one, larger, scale)]
            return Search(one, others[0], third=others[1:]) if others else "control_flow"
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
    dues: list[Due] = []
    if (certain := of_returned(search)) is not None:
        return certain
    try:
        repairs.extend(search.local_repairs())
        if not repairs or min(r.edit.cost for r in repairs) > 1.6:
            repairs.extend(search.pool_repairs(arguments=False))
        best = near(repairs)
        if len(distinct(r.spot.place for r in best)) != 1 or search.is_soft(best[0].spot):
            dues.extend(Dues(search).found())
        if not repairs and not dues:
            repairs.extend(search.unfinished())
        if not repairs and not dues:
            repairs.extend(search.pool_repairs(arguments=True))
        if not repairs and not dues:
            dues.extend(Dues(search).found(soft=True))
    except OutOfTimeError:
        if not repairs:
            return Answer(kind="nowhere", reason="time")
    if repairs and not _contradicted(search, repairs, dues):
        return replace(_of_repairs(repairs, dues), seeds=len({id(side) for side in search.sides}))
    if dues:
        return _of_dues(search, dues)
    return _of_suspects(search)


def _contradicted(search: Search, repairs: Sequence[Repair], dues: Sequence[Due]) -> bool:
    """Tell whether repairs change only what is known to be right, off the way to the first wrong step."""
    best = near(repairs)
    if not dues or not all(search.is_soft(repair.spot) for repair in best):
        return False
    places = _of_dues(search, dues).places
    on_the_way = {(line.file, line.line) for place in places for line in place}
    return not any((r.spot.place[0].file, r.spot.place[0].line) in on_the_way for r in best)


def near(repairs: Sequence[Repair]) -> list[Repair]:
    """Return the repairs that cost about the least."""
    least = min((repair.edit.cost for repair in repairs), default=0)
    return [repair for repair in repairs if repair.edit.cost <= least + NEAR]


def _of_repairs(repairs: Sequence[Repair], dues: Sequence[Due]) -> Answer:
    best = near(repairs)
    if dues:
        best = [r for r in best if r.spot.time <= dues[0].spot.time] or best
    best.sort(key=lambda r: (r.edit.cost, r.spot.time))
    places = distinct(r.spot.place for r in best)
    if len(places) > 2:
        return Answer(kind="nowhere", reason="several_repairs", between=(places[0], places[-1]))
    due = dues[0].value if dues else ""
    text = best[0].spot.steps[0].place[0].text if best[0].spot.steps else best[0].spot.bindings[0].name
    return Answer(kind="repair", places=tuple(places), repair=best[0].what, due=due, text=text)


def _of_dues(search: Search, dues: Sequence[Due]) -> Answer:
    first = dues[0].spot
    trace = search.one.trace
    known = {index for index in search.exact if index not in first.indices}
    before = trace.ancestors(set(first.indices)) - trace.ancestors(known)
    steps = [trace.steps[index].place for index in sorted(before, reverse=True)]
    names = [spot.place for spot in search.suspects if _is_before(spot, first)]
    places = distinct(place for place in (first.place, *steps, *names) if place)
    if len(places) <= 2:
        return Answer(kind="step", places=tuple(places), due=dues[0].value)
    return Answer(kind="nowhere", reason="between", between=(places[-1], places[0]), due=dues[0].value)


def _is_before(spot: Spot, first: Spot) -> bool:
    """Tell whether a name is bound to something else on the way to a spot."""
    return bool(spot.bindings) and not spot.is_argument and spot.time <= first.time


def _of_suspects(search: Search) -> Answer:
    places: list[Place] = distinct(spot.place for spot in search.suspects)
    if len(places) == 1 and search.one.missing is not None:
        return Answer(kind="step", places=tuple(places))
    return Answer(kind="nowhere", reason="several", between=(places[0], places[-1]) if places else ())


def of_returned(search: Search) -> Answer | None:
    """Tell whether what is wrong is what is returned: no step, a right one, or one of another shape."""
    places: list[Place] = []
    for name in search.wrong:
        found = _returned(search, name)
        if not found:
            return None
        places += found
    chosen = distinct(iter(places))
    if not chosen or len(chosen) > 2:
        return None
    return Answer(kind="step", places=tuple(chosen), due=", ".join(f"dL/d{name}" for name in search.wrong))


def _returned(search: Search, name: str) -> list[Place]:
    """Return where a wrong gradient is chosen, if that is what is wrong with it."""
    trace = search.one.trace
    made, entry = trace.returned.get(name), trace.entries.get(name, ())
    gradient = trace.gradients[name]
    another_shape = gradient.shape != search.one.truth[name].shape
    if made is None or made in search.right or (another_shape and made in search.exact):
        same = [b.place for b in trace.bindings if not b.is_argument and _equal(b.value, gradient)]
        return [place for place in (entry, *same) if place]
    if another_shape:
        step = trace.steps[made]
        if step.sources <= search.exact or _lacks_a_sum(gradient, search.one.truth[name]):
            names = [b.place for b in trace.bindings if not b.is_argument and _is_operand(b.value, step)]
            same = [b.place for b in trace.bindings if not b.is_argument and _equal(b.value, gradient)]
            return [*same[:1], step.place, *names]
    return []


def _lacks_a_sum(gradient: Tensor, truth: Tensor) -> bool:
    """Tell whether a gradient is right once it is summed to the size of the truth."""
    try:
        summed = gradient.sum_to_size(truth.shape)
    except RuntimeError:
        return False
    return torch.allclose(summed, truth, rtol=1e-9, atol=1e-12)


def _is_operand(value: Tensor, step: Step) -> bool:
    return value.is_floating_point() and any(_equal(value, operand) for operand in step.operands)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)
