"""Hypotheses on where: all the wrong elements are of one kind, and all others of that kind are wrong too."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from runner.diagnose import factors, words
from runner.diagnose.blocks import Region, blocks
from runner.diagnose.evidence import Evidence, sample

MOST_NAMES = 2


def nonfinite(evidence: Evidence) -> str | None:
    """NaN or infinity on one side alone: how many, and where."""
    strange = ~evidence.gradient.isfinite()
    if not strange.any():
        return _truth_is_strange(evidence)
    kinds = {
        "NaN": int(evidence.gradient.isnan().sum()),
        "Inf": int(evidence.gradient.isinf().sum()),
    }
    what = words.joined((f"{count} {kind}" for kind, count in kinds.items() if count), "and")
    place = _place(evidence, strange, strange | evidence.truth.isfinite())
    sentence = f"{what} in {evidence.truth.numel()} elements{place}"
    others = int((evidence.wrong & ~strange).sum())
    return sentence + (f"; {others} of the finite ones are wrong too" if others else "; all others are right")


def _truth_is_strange(evidence: Evidence) -> str | None:
    strange = ~evidence.truth.isfinite()
    if not strange.any():
        return None
    place = _place(evidence, strange, torch.ones_like(strange))
    return f"finite in {words.of_all(int(strange.sum()), strange.numel())} where the truth is not{place}"


def _place(evidence: Evidence, chosen: Tensor, live: Tensor) -> str:
    if chosen.all():
        return ": every one"
    names = regions(evidence, chosen, live)
    first = torch.nonzero(chosen)[0].tolist()
    return f", {words.joined(names, 'and')}" if names else f", the first at {words.place(first)}"


def only_there(evidence: Evidence) -> str | None:
    """Wrong in one region only, and what the gradient is there."""
    names = regions(evidence, evidence.wrong, evidence.live)
    if not names:
        return None
    count = words.of_all(evidence.count, evidence.truth.numel())
    return f"wrong only {words.joined(names, 'and')} ({count}): {_what(evidence)}"


def where(evidence: Evidence) -> str:
    """Return `, where the input is negative`, or the first wrong place."""
    return _place(evidence, evidence.wrong, evidence.live)


def _what(evidence: Evidence) -> str:
    """Say what the gradient is in the wrong elements, where that is simple."""
    g, t = evidence.gradient[evidence.wrong], evidence.truth[evidence.wrong]
    at_worst = f"at {words.place(words.worst(evidence))} {words.instead(evidence)}"
    if bool((g.abs() <= evidence.tolerance).all()):
        return f"it is 0 there; {at_worst}"
    apart = factors.relation(evidence, g, t)
    if apart:
        return f"it is the truth there{apart}; {at_worst}"
    same = evidence.upstream is not None and evidence.upstream.shape == evidence.truth.shape
    if same and evidence.upstream is not None and evidence.agree(g, evidence.upstream[evidence.wrong]):
        return f"it is the upstream gradient there; {at_worst}"
    return at_worst


def regions(evidence: Evidence, chosen: Tensor, live: Tensor) -> list[str]:
    """Return the names of the regions that a choice of elements fills, and does not leave.

    Elements that are not live may be missing. A region counts only if live elements lie outside, and if
    few choices of as many elements would look as orderly: on three elements, anything does.
    """
    if not bool((live & ~chosen).any()):
        return []
    rarity = _rarity(chosen, live)
    candidates = (*_of_values(evidence, chosen), *blocks(chosen, live))
    found = [r.name for r in candidates if rarity >= r.rarity and _fills(chosen, r.mask, live)]
    if not found and evidence.value is not None:
        found = [r.name for r in _beyond(evidence.value, chosen, live) if rarity >= r.rarity]
    return found[:MOST_NAMES]


def _fills(chosen: Tensor, region: Tensor, live: Tensor) -> bool:
    """Tell whether a region is what was chosen, as far as it is live, and leaves something out."""
    exact = not bool((chosen & ~region).any()) and not bool((region & live & ~chosen).any())
    return exact and bool((live & ~region).any())


def _of_values(evidence: Evidence, chosen: Tensor) -> Iterator[Region]:
    """Yield regions that the values of input and truth define."""
    x, t = evidence.value, evidence.truth
    if x is not None:
        yield _coincidence("where the input is 0", x == 0, x)
        yield from _ties(x, chosen)
        yield Region("where the input is negative", x < 0, 2)
        yield Region("where the input is positive", x > 0, 2)
    yield Region("where the truth is 0", t.abs() <= evidence.tolerance, 2)


def _ties(x: Tensor, chosen: Tensor) -> Iterator[Region]:
    """Yield where an input equals another of its row: at the row's largest, or anywhere."""
    if not x.ndim or x.shape[-1] < 2:
        return
    *row, column = torch.nonzero(chosen)[0].tolist()
    if int((x[tuple(row)] == x[(*row, column)]).sum()) < 2:  # spares sorting a large input
        return
    at_top = x == x.amax(-1, keepdim=True)
    several = at_top.sum(-1, keepdim=True) > 1
    yield _coincidence("where inputs tie for the largest of their row", at_top & several, x)
    ordered, order = x.sort(-1)
    same = ordered[..., 1:] == ordered[..., :-1]
    edge = torch.zeros_like(same[..., :1])
    tied = torch.cat([edge, same], -1) | torch.cat([same, edge], -1)
    yield _coincidence("where inputs of a row are equal", torch.zeros_like(tied).scatter(-1, order, tied), x)


def _coincidence(name: str, mask: Tensor, x: Tensor) -> Region:
    """Return where inputs coincide; if few do, and nowhere else, to be wrong just there is hardly chance."""
    others = x[~mask]
    ordered = sample(others).sort().values
    few = 2 * len(others) >= x.numel() and bool(ordered.diff().all())
    return Region(name, mask, 0.5 if few else 2)


def _beyond(x: Tensor, chosen: Tensor, live: Tensor) -> Iterator[Region]:
    """Yield where an input is beyond a threshold that parts the chosen elements from the others."""
    others = live & ~chosen
    for name, size in (("the input", x), ("the input's size", x.abs())):
        low, high = size[chosen].amin(), size[chosen].amax()
        below, above = size[others].amax(), size[others].amin()
        if low > below:
            beyond = f"{float(low):.4g} or more (right up to {float(below):.4g})"
            yield Region(f"where {name} is {beyond}", size >= low, 3)
        if high < above:
            beyond = f"{float(high):.4g} or less (right from {float(above):.4g})"
            yield Region(f"where {name} is {beyond}", size <= high, 3)
        if low > below or high < above:
            return


def _rarity(chosen: Tensor, live: Tensor) -> float:
    """Return log10 of the number of ways to choose so many of the live elements."""
    count, total = int((chosen & live).sum()), int(live.sum())
    ways = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    return ways / math.log(10)
