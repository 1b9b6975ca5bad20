"""What changed between two reports, gradient by gradient: rules, and their limits."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from runner.clock.noise import change
from runner.report.changes.side import MACHINE, Blocks, Key, Side, pairs
from runner.verdicts import NOT_RIGHT, OUTCOMES

Kind = Literal[
    "wrong", "accuracy", "time", "memory", "gone", "mended", "more accurate", "faster", "leaner", "new",
    "unclear",
]  # fmt: skip
REGRESSIONS: tuple[Kind, ...] = ("wrong", "accuracy", "time", "memory", "gone")
"""What `--fail-on` may name."""
DEFAULT_LIMITS = {"wrong": 1.0, "accuracy": 2.0, "time": 1.10, "memory": 1.10}
LEAST_U = 0.5
"""Unit roundoffs that an error must grow by: less is a matter of how sums happen to round."""
LEAST_MB = 1e-3


@dataclass(frozen=True)
class Change:
    """One gradient that is not what it was: its row, how, in words, and by how much (new over old)."""

    kind: Kind
    row: Any
    said: str
    ratio: float | None = None


@dataclass
class Changes:
    """All changes of a comparison, those that count as regressions, and what was compared."""

    old: Side
    new: Side
    limits: dict[str, float]
    found: list[Change] = field(default_factory=list)
    same: int = 0
    untimed: str = ""

    def limit(self, kind: Kind) -> float:
        """Return the ratio from which a change of a kind is told."""
        return self.limits.get(kind, DEFAULT_LIMITS[kind])

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
    for was, is_ in pairs(old, new):
        mine = [*_of_pair(was, is_, found)]
        found.same += not mine
        found.found += mine
    return found


def _of_pair(was: Key | None, is_: Key | None, all_: Changes) -> Iterator[Change]:
    if was is None or is_ is None:
        row = all_.old.rows[was] if was else all_.new.rows[is_]  # type: ignore[index]
        yield Change("gone" if was else "new", row, f"{'was' if was else 'is'} {row['verdict']}")
        return
    old, new = all_.old.rows[was], all_.new.rows[is_]
    yield from _verdict(old, new)
    if {old["verdict"], new["verdict"]} & NOT_RIGHT:
        return
    yield from _accuracy(old, new, all_.limit("accuracy"))
    if all_.new.firsts[is_[0], is_[1]] == is_:
        yield from _memory(old, new, all_.limit("memory"))
    if not all_.untimed and was in all_.old.blocks and is_ in all_.new.blocks:
        yield from _time(all_.old.blocks[was], all_.new.blocks[is_], old, new, all_.limit("time"))


def _verdict(old: Any, new: Any) -> Iterator[Change]:
    was, is_ = str(old["verdict"]), str(new["verdict"])
    why = new["error"] or new["diagnosis"] or ""
    said = f"{was} -> {is_}" + (f": {why}" if why else "")
    worse = _rank(is_) > _rank(was)
    if is_ in NOT_RIGHT and worse:
        yield Change("wrong", new, said)
    elif was in NOT_RIGHT and is_ not in NOT_RIGHT:
        yield Change("mended", new, said)
    elif is_ == "inaccurate" and was != is_:
        yield Change("accuracy", new, said)


def _rank(verdict: str) -> int:
    return OUTCOMES.index(verdict) if verdict in OUTCOMES else len(OUTCOMES)


def _accuracy(old: Any, new: Any, limit: float) -> Iterator[Change]:
    was, is_ = _number(old["error_u"]), _number(new["error_u"])
    if was is None or is_ is None or new["verdict"] == "inaccurate" != old["verdict"]:
        return
    was, is_ = (math.inf if math.isnan(error) else error for error in (was, is_))
    for kind, low, high in (("accuracy", was, is_), ("more accurate", is_, was)):
        if high > limit * low + LEAST_U:
            ratio = is_ / was if was else math.inf
            bound = _number(new["error_over_bound"])
            held = "" if bound is None else f", {bound:.2g} of its bound"
            yield Change(kind, new, f"error of {was:.3g} u -> {is_:.3g} u{held}", ratio)  # type: ignore[arg-type]


def _memory(old: Any, new: Any, limit: float) -> Iterator[Change]:
    for column, what in (("peak_memory_mb", "allocates"), ("saved_mb", "has forward keep")):
        was, is_ = _number(old[column]), _number(new[column])
        if was is None or is_ is None:
            continue
        for kind, low, high in (("memory", was, is_), ("leaner", is_, was)):
            if high > limit * low + LEAST_MB:
                said = f"{what} {was:.3g} MB -> {is_:.3g} MB"
                yield Change(kind, new, said, is_ / was if was else math.inf)  # type: ignore[arg-type]


def _time(was: Blocks, is_: Blocks, old: Any, new: Any, limit: float) -> Iterator[Change]:
    """Hold a derivation's blocks, each over autograd's of its round, against those of the other report.

    What slows the whole machine slows both, and is no change of the derivation.
    """
    before, after = ([mine / theirs for mine, theirs in zip(*blocks, strict=True)] for blocks in (was, is_))
    found, half = change(before, after, limit - 1), 1 + (limit - 1) / 2
    times = f"{float(old['manual_ms']):.3g} ms -> {float(new['manual_ms']):.3g} ms"
    said = f"{times}, {found.ratio:.2f}x beside autograd ({found.low:.2f} to {found.high:.2f})"
    if found.answer == "slower" and found.ratio >= limit and found.low >= half:
        yield Change("time", new, said, found.ratio)
    elif found.answer == "faster" and found.ratio <= 1 / limit and found.high <= 1 / half:
        yield Change("faster", new, said, found.ratio)
    elif not 1 / limit < found.ratio < limit:
        yield Change("unclear", new, f"{said}: too noisy to tell", found.ratio)


def _number(cell: Any) -> float | None:
    return None if cell in (None, "") else float(cell)
