"""Hypotheses on where: all the wrong elements are of one kind, and all others of that kind are wrong too."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from runner.diagnose import factors
from runner.diagnose.blocks import Region, blocks
from runner.diagnose.evidence import Evidence, sample
from runner.diagnose.figures import counts, worst
from runner.diagnose.statement import Statement, say

MOST_REGIONS = 2


def nonfinite(evidence: Evidence) -> Statement | None:
    """NaN or infinity on one side alone: how many, and where."""
    strange = ~evidence.gradient.isfinite()
    if not strange.any():
        return _truth_is_strange(evidence)
    return say(
        "nonfinite",
        nan=int(evidence.gradient.isnan().sum()),
        inf=int(evidence.gradient.isinf().sum()),
        total=evidence.truth.numel(),
        place=_place(evidence, strange, strange | evidence.truth.isfinite()),
        others=int((evidence.wrong & ~strange).sum()),
    )


def _truth_is_strange(evidence: Evidence) -> Statement | None:
    strange = ~evidence.truth.isfinite()
    if not strange.any():
        return None
    place = _place(evidence, strange, torch.ones_like(strange))
    return say("truth_nonfinite", count=int(strange.sum()), total=strange.numel(), place=place)


def _place(evidence: Evidence, chosen: Tensor, live: Tensor) -> Statement:
    if chosen.all():
        return say("every_one")
    if filled := regions(evidence, chosen, live):
        return say("only_in", regions=filled)
    return say("first_at", index=torch.nonzero(chosen)[0].tolist())


def only_there(evidence: Evidence) -> Statement | None:
    """Wrong in one region only, and what the gradient is there."""
    filled = regions(evidence, evidence.wrong, evidence.live)
    if not filled:
        return None
    return say(
        "only_there", regions=filled, **counts(evidence), there=_what_is_there(evidence), **worst(evidence)
    )


def place_of_wrong(evidence: Evidence) -> Statement:
    """Say `, where the input is negative`, or the first wrong place."""
    return _place(evidence, evidence.wrong, evidence.live)


def _what_is_there(evidence: Evidence) -> Statement | None:
    """Say what the gradient is in the wrong elements, where that is simple."""
    g, t = evidence.gradient[evidence.wrong], evidence.truth[evidence.wrong]
    if bool((g == 0).all()):
        return say("zero_there")
    factor = factors.relation(evidence, g, t)
    if factor and factor.apart:
        return say("truth_there", apart=factor.apart)
    upstream = evidence.upstream
    if upstream is not None and upstream.shape == evidence.truth.shape:
        return say("upstream_there") if evidence.agree(g, upstream[evidence.wrong]) else None
    return None


def regions(evidence: Evidence, chosen: Tensor, live: Tensor) -> list[Statement]:
    """Return what is said of the regions that a choice of elements fills, and does not leave.

    Elements that are not live may be missing. A region counts only if live elements lie outside, and if
    few choices of as many elements would look as orderly: on three elements, anything does.
    """
    if not bool((live & ~chosen).any()):
        return []
    rarity = _rarity(chosen, live)
    candidates = (*_of_values(evidence, chosen), *blocks(chosen, live))
    filled = [r.statement for r in candidates if rarity >= r.rarity and _fills(chosen, r.mask, live)]
    if not filled and evidence.value is not None:
        filled = [r.statement for r in _beyond(evidence.value, chosen, live) if rarity >= r.rarity]
    return filled[:MOST_REGIONS]


def _fills(chosen: Tensor, region: Tensor, live: Tensor) -> bool:
    """Tell whether a region is what was chosen, as far as it is live, and leaves something out."""
    filled = not bool((chosen & ~region).any()) and not bool((region & live & ~chosen).any())
    return filled and bool((live & ~region).any())


def _of_values(evidence: Evidence, chosen: Tensor) -> Iterator[Region]:
    """Yield regions that the values of input and truth define."""
    x, t = evidence.value, evidence.truth
    if x is not None:
        yield _coincidence("input_zero", x == 0, x)
        yield from _ties(x, chosen)
        yield Region(say("input_negative"), x < 0, 2)
        yield Region(say("input_positive"), x > 0, 2)
    yield Region(say("truth_zero"), t.abs() <= evidence.tolerance, 2)


def _ties(x: Tensor, chosen: Tensor) -> Iterator[Region]:
    """Yield where an input equals another of its row: at the row's largest, or anywhere."""
    if not x.ndim or x.shape[-1] < 2:
        return
    *row, column = torch.nonzero(chosen)[0].tolist()
    if int((x[tuple(row)] == x[(*row, column)]).sum()) < 2:  # spares sorting a large input
        return
    at_top = x == x.amax(-1, keepdim=True)
    several = at_top.sum(-1, keepdim=True) > 1
    yield _coincidence("ties_at_top", at_top & several, x)
    ordered, order = x.sort(-1)
    same = ordered[..., 1:] == ordered[..., :-1]
    edge = torch.zeros_like(same[..., :1])
    tied = torch.cat([edge, same], -1) | torch.cat([same, edge], -1)
    yield _coincidence("ties", torch.zeros_like(tied).scatter(-1, order, tied), x)


def _coincidence(name: str, mask: Tensor, x: Tensor) -> Region:
    """Return where inputs coincide; if few do, and nowhere else, to be wrong just there is hardly chance."""
    others = x[~mask]
    ordered = sample(others).sort().values
    few = 2 * len(others) >= x.numel() and bool(ordered.diff().all())
    return Region(say(name), mask, 0.5 if few else 2)


def _beyond(x: Tensor, chosen: Tensor, live: Tensor) -> Iterator[Region]:
    """Yield where an input is beyond a threshold that parts the chosen elements from the others."""
    others = live & ~chosen
    for what, size in (("input", x), ("input's size", x.abs())):
        low, high = size[chosen].amin(), size[chosen].amax()
        below, above = size[others].amax(), size[others].amin()
        if low > below:
            yield Region(say("at_least", what=what, limit=float(low), right=float(below)), size >= low, 3)
        if high < above:
            yield Region(say("at_most", what=what, limit=float(high), right=float(above)), size <= high, 3)
        if low > below or high < above:
            return


def _rarity(chosen: Tensor, live: Tensor) -> float:
    """Return log10 of the number of ways to choose so many of the live elements."""
    count, total = int((chosen & live).sum()), int(live.sum())
    ways = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    return ways / math.log(10)
