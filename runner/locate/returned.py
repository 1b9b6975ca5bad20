"""Whether what is wrong is what is returned: the gradient of something else, or one that lacks a sum."""

from itertools import combinations

import torch
from torch import Tensor

from runner.locate.answer import Answer
from runner.locate.place import Place
from runner.locate.search import Search
from runner.locate.spot import distinct
from runner.locate.trace import Binding, Step

MOST_NAMED = 2
"""Places that are named, of which one holds the mistake."""


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
        same = [b.place for b in _handed_on(search, gradient)]
        same = [place for place in same if len(place) <= len(entry or place)]
        entry = () if same and search.is_meant(made, name) else entry
        return [place for place in (entry, *([] if lacks and entry else same)) if place]
    if another_shape:
        step = trace.steps[made]
        floating = [operand for operand in step.operands if operand.is_floating_point()]
        if all(map(search.knows, floating)) or lacks:
            names = [b.place for b in trace.bindings if not b.is_argument and _is_operand(b.value, step)]
            same = [b.place for b in _handed_on(search, gradient)]
            return [*same[:1], step.place, *names]
    return []


def _handed_on(search: Search, value: Tensor) -> list[Binding]:
    """Return what gives a value another name, but for those that give the gradient of x as x or the like."""
    found = [b for b in search.one.trace.bindings if not b.is_argument and _equal(b.value, value)]
    return [b for b in found if not search.is_meant(b.source, b.meant)]


def _lacks_a_sum(gradient: Tensor, truth: Tensor) -> bool:
    """Tell whether a gradient is right once it is summed over some of its axes."""
    if gradient.numel() <= truth.numel():
        return False
    axes = range(gradient.ndim)
    sums = (gradient.sum(over) for n in axes for over in combinations(axes, n + 1))
    flat = truth.reshape(-1).double()
    alike = (one.reshape(-1).double() for one in sums if one.numel() == flat.numel())
    return any(torch.allclose(one, flat, rtol=1e-9, atol=1e-12) for one in alike)


def _is_operand(value: Tensor, step: Step) -> bool:
    return value.is_floating_point() and any(_equal(value, operand) for operand in step.operands)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)
