"""Which steps of a derivation are suspect: on the way to a wrong gradient, and on that to nothing right."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from runner.case.spec import Spec
from runner.locate.limit import OutOfTimeError
from runner.locate.needs import can_be
from runner.locate.place import is_machinery_file
from runner.locate.replay import Side
from runner.locate.spot import Spot
from runner.locate.trace import Binding, Step

CONSTANTS = frozenset({
    "zeros", "zeros_like", "new_zeros", "empty", "empty_like", "new_empty", "ones", "ones_like", "new_ones",
    "full", "full_like", "new_full", "eye", "arange", "tensor",
})  # fmt: skip


OF_SUSPECTS = 0.4
"""Of the time that is left, what asking each spot may take."""
PREFIXES = ("grad_", "d_", "g_", "d")
"""Of the name of a gradient, before that of what it is the gradient of."""


@dataclass
class Standing:
    """Two runs of one derivation, or more, and what each step of the first is known to be."""

    one: Side
    other: Side
    spec: Spec
    third: list[Side] = field(default_factory=list)

    @cached_property
    def spots(self) -> list[Spot]:
        """The steps by their expression, and by their chain of calls where there are several; the names."""
        return [*self._of_steps(), *self._of_names()]

    def _of_steps(self) -> Iterator[Spot]:
        sites: dict[Any, list[Step]] = {}
        chains: dict[Any, list[Step]] = {}
        for step in self.one.trace.steps.values():
            sites.setdefault((step.place[:1], step.name), []).append(step)
            chains.setdefault((step.place, step.name), []).append(step)
        seen = set()
        for steps in (*sites.values(), *chains.values()):
            first = steps[0]
            places = {tuple((line.file, line.line) for line in step.place) for step in steps}
            partly = len(steps) < len(sites[first.place[:1], first.name])
            spot = Spot(first.place if len(places) == 1 else first.place[:1], tuple(steps), (), partly)
            if spot.indices not in seen:
                seen.add(spot.indices)
                yield spot

    def _of_names(self) -> Iterator[Spot]:
        found: dict[Any, list[Binding]] = {}
        for binding in self.one.trace.bindings:
            if binding.value.is_floating_point():
                found.setdefault((binding.place, binding.name), []).append(binding)
        return (Spot(bindings[0].place, bindings=tuple(bindings)) for bindings in found.values())

    @property
    def sides(self) -> list[Side]:
        """All runs that a repair must hold in."""
        return [self.one, self.other, *self.third]

    @cached_property
    def wrong(self) -> list[str]:
        """The inputs whose gradient is wrong."""
        return self.one.wrong(self.one.trace.gradients)

    @cached_property
    def guilty(self) -> set[int]:
        """The steps that a wrong gradient comes from."""
        return set[int]().union(*self.ways)

    @cached_property
    def right(self) -> set[int]:
        """The steps that a right gradient comes from, or that the true gradient of something comes from."""
        trace = self.one.trace
        made = {
            index for name, index in trace.returned.items() if name not in self.wrong and index is not None
        }
        before = {source for index in self.true for source in trace.steps[index].sources}
        return trace.ancestors(made | before) | self.true

    @cached_property
    def used(self) -> set[tuple[str, int]]:
        """The lines, by file and number, of steps that anything which is returned comes from."""
        trace = self.one.trace
        made = trace.ancestors({index for index in trace.returned.values() if index is not None})
        places = [trace.steps[index].place for index in made]
        own = {(line.file, number) for place in places for line in place[:1] for number in line.numbers}
        return own | {
            (line.file, line.line) for place in places for line in place[1:]
        }  # a `for` is all its lines

    @cached_property
    def constant(self) -> set[int]:
        """The steps that make a constant, to be written over."""
        return {index for index, step in self.one.trace.steps.items() if step.name in CONSTANTS}

    def is_soft(self, spot: Spot) -> bool:
        """Tell whether all that a spot makes is true of something, if perhaps not of what was meant.

        So is what a loop goes through, and what is only given the name that it has in forward.
        """
        if spot.bindings and (_is_of_loop(spot) or all(map(self._is_called_so, spot.bindings))):
            return True
        made = spot.indices | {b.source for b in spot.bindings if b.is_entry and b.source is not None}
        return bool(made) and made <= self.acquitted

    def is_right_elsewhere(self, spot: Spot) -> bool:
        """Tell whether one expression, called from several lines, makes for one of them what is known."""
        chains = {step.place for step in spot.steps}
        return len(chains) > 1 and bool(spot.indices & self.acquitted)

    def is_unlikely(self, spot: Spot) -> bool:
        """Tell whether a spot is right as it is, or where it is called from elsewhere: it is tried last."""
        return self.is_soft(spot) or self.is_right_elsewhere(spot)

    def is_made_of_known(self, spot: Spot) -> bool:
        """Tell whether all that goes into a spot is right: given, made apart from the way, or acquitted."""
        sources = {source for step in spot.steps for source in step.sources} - spot.indices
        return bool(spot.steps) and sources <= self.acquitted | ({*self.one.trace.steps} - self.guilty)

    @cached_property
    def tensors(self) -> set[str]:
        """The names that got a tensor; a size that nothing reads is no sign."""
        trace = self.one.trace
        given = {name for name, value in self.one.subject.case.values.items() if isinstance(value, Tensor)}
        made = {name for step in trace.steps.values() for name in step.named}
        return given | made | {binding.name for binding in trace.bindings}

    @cached_property
    def acquitted(self) -> set[int]:
        """The steps that make what is known, and those that nothing else on the way is made of."""
        steps = self.one.trace.steps
        users: dict[int, set[int]] = {}
        for index in self.guilty:
            for source in steps[index].sources:
                users.setdefault(source, set()).add(index)
        found = {index for index in self.exact if not self.is_misnamed(index)}
        for index in sorted(steps, reverse=True):
            if users.get(index, set()) - {index} and users[index] - {index} <= found:
                found.add(index)
        return found - {*self.one.trace.returned.values()}

    @cached_property
    def true(self) -> set[int]:
        """The steps that make exactly the true gradient of something at both sides, and are named so."""
        handed = {self.one.trace.returned.get(name) for name in self.wrong}
        found = {index for index in self.exact if self._is(index, "gradient")}
        return {
            index for index in found - handed if not self.is_misnamed(index) and not self._has_opposite(index)
        }

    def _has_opposite(self, index: int) -> bool:
        """Tell whether a step's value is also the opposite of a gradient: a sign may make it either."""
        return any(
            m.factor == -1 and not m.form and m.known.kind == "gradient" for m in self.one.matches(index)
        )

    def is_misnamed(self, index: int) -> bool:
        """Tell whether a step has the name of a gradient, or of a value of forward's, that it is not."""
        step = self.one.trace.steps[index]
        return any(self._denies(name, step.value) for name in step.named)

    def is_named_right(self, index: int) -> bool:
        """Tell whether a step has the name of the gradient, or of the value of forward's, that it is."""
        step = self.one.trace.steps[index]
        meant = {name.removeprefix(p) for name in step.named for p in PREFIXES if name.startswith(p)}
        names = {"gradient": meant, "value": {*step.named}, "part": set[str]()}
        return any(
            known.name in names[known.kind] and _close(step.value, known.value) for known in self.one.known
        )

    def is_meant(self, made: int | None, name: str) -> bool:
        """Tell whether what a step makes has a name that says it is the gradient of what it is given as."""
        named = self.one.trace.steps[made].named if made is not None else []
        return any(one.removeprefix(prefix) == name != one for one in named for prefix in PREFIXES)

    def _is_called_so(self, binding: Binding) -> bool:
        """Tell whether a name gets the value that has this name in forward, or is given by it."""
        alike = (
            known.value for known in self.one.known if (known.name, known.kind) == (binding.name, "value")
        )
        return any(_close(binding.value, value) for value in alike)

    def _denies(self, name: str, value: Tensor) -> bool:
        """Tell whether `grad_h`, `dh` or `d_h` is not the gradient of h, or `h` is no h of forward's."""
        meant = next((name[len(p) :] for p in PREFIXES if name.startswith(p)), "")
        kind = "gradient"
        if meant not in self._names["gradient"]:
            meant, kind = name, "value"
        same = [k.value for k in self.one.known if k.kind == kind and k.name == meant]
        alike = [one for one in same if one.shape == value.shape]
        return bool(same if kind == "gradient" else alike) and not any(_close(value, one) for one in same)

    @cached_property
    def _names(self) -> dict[str, set[str]]:
        return {kind: {k.name for k in self.one.known if k.kind == kind} for kind in ("gradient", "value")}

    @cached_property
    def exact(self) -> set[int]:
        """The steps that make exactly what is known, at both sides; not those that hand on an operand."""
        steps = self.one.trace.steps
        known = (index for index in steps if self._is(index, "gradient") or self._is(index, "value"))
        return {index for index in known if self.is_named_right(index) or not _hands_on(steps[index])}

    def _is(self, index: int, kind: str) -> bool:
        if self.one.trace.steps[index].value.numel() < 2:
            return False
        pairs = ((self.one, index), (self.other, index))
        found = [
            {m.entry for m in side.matches(i) if m.is_exact and m.known.kind == kind} for side, i in pairs
        ]
        return bool(found[0] & found[1])

    @cached_property
    def suspects(self) -> list[Spot]:
        """The spots where one change could make every gradient right, in the order of the run."""
        likely = self._on_the_way(all) or self._on_the_way(any)
        return [*self._able(likely)] or self._on_the_way(any)

    def _able(self, spots: Sequence[Spot]) -> Iterator[Spot]:
        """Yield the spots of which one change could do, and those that there was no time to ask about."""
        waiting = [*reversed(spots)]
        with suppress(OutOfTimeError), self.one.clock.part(OF_SUSPECTS):
            while waiting:
                if can_be(self.one, waiting[-1].steps, waiting[-1].bindings):
                    yield waiting[-1]
                waiting.pop()
        yield from reversed(waiting)

    def _on_the_way(self, some: Callable[[Iterable[bool]], bool]) -> list[Spot]:
        """Return the spots on the way to all or some wrong gradients, but for right ones, in order."""
        found = []
        for spot in self.spots:
            if not spot.place or is_machinery_file(spot.place[0]):
                continue
            if self.one.moves_right_ones(spot.steps, spot.bindings):
                continue
            if spot.steps:
                if self._leads_to(spot, some) and not spot.indices <= self.right:
                    found.append(spot)
            elif self._moves(spot) and not self._is_plain(spot):
                found.append(spot)
        return sorted(found, key=lambda spot: (spot.time, not spot.steps))

    def _leads_to(self, spot: Spot, some: Callable[[Iterable[bool]], bool]) -> bool:
        """Tell whether all or some wrong gradients come from a spot; one is enough where numbers decide."""
        some = any if self.one.trace.reads_numbers else some
        return some(not spot.indices.isdisjoint(before) for before in self.ways)

    @cached_property
    def ways(self) -> list[set[int]]:
        """The steps that each of the wrong gradients comes from."""
        trace = self.one.trace
        made = (trace.returned.get(name) for name in self.wrong)
        return [trace.ancestors({index}) for index in made if index is not None]

    @property
    def last_true(self) -> list[Spot]:
        """The last spots that make the true gradient of something on the way to a wrong one."""
        trace = self.one.trace
        on_the_way = self.true & self.guilty
        last = on_the_way - trace.ancestors({s for index in on_the_way for s in trace.steps[index].sources})
        found = [spot for spot in self.spots if spot.steps and spot.indices <= last and spot.place]
        return [spot for spot in found if not self.one.moves_right_ones(spot.steps, ())]

    def _is_plain(self, spot: Spot) -> bool:
        """Tell whether a name, or a key, is given what has been called so before."""
        return all(not b.is_argument and self.is_meant(b.source, b.meant) for b in spot.bindings)

    def _moves(self, spot: Spot) -> bool:
        """Tell whether a name moves the result."""
        influence = self.one.influence
        return influence is not None and any(binding.key in influence.of_name for binding in spot.bindings)


def _is_of_loop(spot: Spot) -> bool:
    return bool(spot.place) and spot.place[0].text.startswith("for ")


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one.double(), other.double(), rtol=1e-9, atol=1e-12)


def _hands_on(step: Step) -> bool:
    """Tell whether a step of several operands returns one of them as it is."""
    flat = step.value.reshape(-1)
    same = (v.numel() == flat.numel() and torch.equal(v.reshape(-1), flat) for v in step.operands)
    return len(step.operands) > 1 and any(same)
