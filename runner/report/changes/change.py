"""What changed between two reports, gradient by gradient: rules, and their limits."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from runner.clock import noise
from runner.record import Cells
from runner.report.changes.side import MACHINE, Blocks, Key, Side, pairs
from runner.report.counts import place
from runner.verdicts import NOT_RIGHT

Kind = Literal[
    "wrong", "accuracy", "time", "memory", "gone", "mended", "more accurate", "faster", "leaner", "new",
    "unclear",
]  # fmt: skip
REGRESSIONS: tuple[Kind, ...] = ("wrong", "accuracy", "time", "memory", "gone")
"""What `--fail-on` may name."""
OPPOSITE: dict[Kind, Kind] = {"accuracy": "more accurate", "time": "faster", "memory": "leaner"}
DEFAULT_LIMITS = {"wrong": 1.0, "accuracy": 2.0, "time": 1.10, "memory": 1.10}
LEAST_U = 0.5
"""Unit roundoffs that an error must grow by: less is a matter of how sums happen to round."""
LEAST_MB = 1e-3


@dataclass(frozen=True)
class Change:
    """One gradient that is not what it was: its row, how, in words, and by how much (new over old)."""

    kind: Kind
    row: Cells
    said: str
    ratio: float | None = None


@dataclass(frozen=True)
class Pair:
    """One gradient as both reports have it, None where one has it not, and what changed of it."""

    old: Cells | None
    new: Cells | None
    changes: tuple[Change, ...] = ()


@dataclass
class Changes:
    """All gradients of a comparison with their changes, and which of these count as regressions."""

    old: Side
    new: Side
    limits: dict[str, float]
    pairs: list[Pair] = field(default_factory=list)
    untimed: str = ""

    def limit(self, kind: Kind) -> float:
        """Return the ratio from which a change of a kind is told."""
        return self.limits.get(kind, DEFAULT_LIMITS[kind])

    @property
    def found(self) -> list[Change]:
        """The changes."""
        return [change for pair in self.pairs for change in pair.changes]

    @property
    def same(self) -> int:
        """The number of gradients that did not change."""
        return sum(not pair.changes for pair in self.pairs)

    @property
    def regressions(self) -> list[Change]:
        """The changes that the limits name."""
        return [one for one in self.found if one.kind in self.limits]

    @property
    def machines(self) -> list[str]:
        """How the machines, their threads or PyTorch differ, in words."""
        pairs = ((name, self.old.machines[name], self.new.machines[name]) for name in MACHINE)
        return [
            f"{name}: {', '.join(sorted(old))} and {', '.join(sorted(new))}"
            for name, old, new in pairs
            if old and new and old != new
        ]


def changes(old: Side, new: Side, limits: dict[str, float], *, across_machines: bool = False) -> Changes:
    """Compare two reports; without `across_machines` times count only where both are of one machine."""
    found = Changes(old, new, limits)
    if found.machines and not across_machines:
        found.untimed = "the machines differ"
    found.pairs = [_pair(was, is_, found) for was, is_ in pairs(old, new)]
    return found


def _pair(was: Key | None, is_: Key | None, all_: Changes) -> Pair:
    if was is None:
        new = all_.new.rows[is_]  # type: ignore[index]
        return Pair(None, new, (Change("new", new, f"is {new['verdict']}"),))
    old = all_.old.rows[was]
    if is_ is None:
        return Pair(old, None, (Change("gone", old, f"was {old['verdict']}"),))
    new = all_.new.rows[is_]
    return Pair(old, new, (*_verdict(old, new), *_figures(was, is_, all_)))


def _figures(was: Key, is_: Key, all_: Changes) -> Iterator[Change]:
    """Yield what changed of a gradient that is right in both reports; time and memory once a derivation."""
    old, new = all_.old.rows[was], all_.new.rows[is_]
    if {old["verdict"], new["verdict"]} & NOT_RIGHT:
        return
    yield from _accuracy(old, new, all_.limit("accuracy"))
    if all_.new.firsts[is_[0], is_[1]] == is_:
        yield from _memory(old, new, all_.limit("memory"))
    if not all_.untimed and was in all_.old.blocks and is_ in all_.new.blocks:
        yield from _time(all_.old.blocks[was], all_.new.blocks[is_], old, new, all_.limit("time"))


def _verdict(old: Cells, new: Cells) -> Iterator[Change]:
    was, is_ = old["verdict"], new["verdict"]
    why = new["error"] or new["diagnosis"]
    said = f"{was} -> {is_}" + (f": {why}" if why else "")
    if is_ in NOT_RIGHT and place(is_) > place(was):
        yield Change("wrong", new, said)
    elif was in NOT_RIGHT and is_ not in NOT_RIGHT:
        yield Change("mended", new, said)
    elif is_ == "inaccurate" and was != is_:
        yield Change("accuracy", new, said)


def _accuracy(old: Cells, new: Cells, limit: float) -> Iterator[Change]:
    if None in (old["error_u"], new["error_u"]) or new["verdict"] == "inaccurate" != old["verdict"]:
        return
    was, is_ = (math.inf if math.isnan(row["error_u"]) else row["error_u"] for row in (old, new))
    if kind := _grown("accuracy", was, is_, limit, LEAST_U):
        bound = new["error_over_bound"]
        held = "" if bound is None else f", {bound:.2g} of its bound"
        yield Change(kind, new, f"error of {was:.3g} u -> {is_:.3g} u{held}", _ratio(was, is_))


def _memory(old: Cells, new: Cells, limit: float) -> Iterator[Change]:
    for column, what in (("peak_memory_mb", "allocates"), ("saved_mb", "has forward keep")):
        was, is_ = old[column], new[column]
        if None not in (was, is_) and (kind := _grown("memory", was, is_, limit, LEAST_MB)):
            yield Change(kind, new, f"{what} {was:.3g} MB -> {is_:.3g} MB", _ratio(was, is_))


def _grown(kind: Kind, was: float, is_: float, limit: float, least: float) -> Kind | None:
    return _way(kind, up=is_ > limit * was + least, down=was > limit * is_ + least)


def _way(kind: Kind, *, up: bool, down: bool) -> Kind | None:
    """Return a kind of change, or its opposite."""
    return kind if up else OPPOSITE[kind] if down else None


def _ratio(was: float, is_: float) -> float:
    return is_ / was if was else math.inf


def _time(was: Blocks, is_: Blocks, old: Cells, new: Cells, limit: float) -> Iterator[Change]:
    """Hold a derivation's blocks, each over autograd's of its round, against those of the other report.

    What slows the whole machine slows both, and is no change of the derivation.
    """
    before, after = ([mine / theirs for mine, theirs in zip(*blocks, strict=True)] for blocks in (was, is_))
    found = noise.change(before, after, limit - 1)
    kind = _way("time", up=_is_slower(found, limit), down=_is_slower(found.reversed, limit))
    times = f"{old['manual_ms']:.3g} ms -> {new['manual_ms']:.3g} ms"
    said = f"{times}, {found.ratio:.2f}x beside autograd ({found.low:.2f} to {found.high:.2f})"
    if kind:
        yield Change(kind, new, said, found.ratio)
    elif not 1 / limit < found.ratio < limit:
        yield Change("unclear", new, f"{said}: too noisy to tell", found.ratio)


def _is_slower(found: noise.Change, limit: float) -> bool:
    return found.answer == "slower" and found.ratio >= limit and found.low >= 1 + (limit - 1) / 2
