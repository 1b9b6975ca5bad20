"""Looks for the place where one change makes every gradient right, at several seeds and shapes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from runner.locate.answer import Answer
from runner.locate.arithmetic import of_functions, of_result
from runner.locate.edit import Call, Edit
from runner.locate.edits import local_edits
from runner.locate.needs import need, needed_values
from runner.locate.spot import Due, Repair, Rewrite, Spot
from runner.locate.standing import Standing
from runner.locate.stock import Stock, binding_edits, is_constant, pool_edits

FITS = 1e-7
MOST_OF_CURVED = 1.6
"""What an edit may cost where only running it again tells whether it repairs."""
KNOWN = 0.4
"""What a factor costs less where it makes what is known."""
SOFT = 0.3
"""What a change costs more where the step makes what is known already."""
PARTLY = 0.2
"""What it costs more where the same expression stays as it is when it is called from elsewhere."""
NEAR = 0.35
"""Costs this close to the least are as likely."""


@dataclass
class Search(Standing):
    """The search for repairs."""

    skip: Callable[[Spot, Edit], bool] = lambda spot, edit: False
    skip_words: Callable[[str], bool] = lambda words: False
    rewrites: list[Rewrite] = field(default_factory=list)
    unread: Answer | None = None
    affine: dict[Spot, bool] = field(default_factory=dict)
    needs: dict[Spot, list[Tensor] | None] = field(default_factory=dict)

    @cached_property
    def stock(self) -> Stock:
        """What may be put in: what the derivation is given, what it has made, and what forward makes."""
        names: list[str] = []
        made: list[int] = []
        extra: list[float] = []
        foreign: list[bool] = []
        seen: list[Tensor] = []

        def add(
            name: str, values: Sequence[Any], time: int, cost: float, *, is_foreign: bool = False
        ) -> None:
            one = values[0]
            if not all(isinstance(value, Tensor) and value.is_floating_point() for value in values):
                return
            if not any(v.shape == one.shape and torch.equal(v, one) for v in seen):
                seen.append(one)
                for side, value in zip(self.sides, values, strict=True):
                    side.pool.append(value)
                names.append(name)
                made.append(time)
                extra.append(cost)
                foreign.append(is_foreign)

        values = [side.subject.case.values for side in self.sides]
        asked = self.one.subject.asked
        for name in sorted(values[0], key=lambda name: name not in asked):
            others = [of_side.get(name) for of_side in values]
            add(name, others, -1, 0.0 if name in asked else 0.3, is_foreign=name not in asked)
        for index, step in self.one.trace.steps.items():
            text = step.named[0] if step.named else (step.place[0].text if step.place else "")
            made_by = [side.trace.steps[index].value for side in self.sides]
            add(text or step.name, made_by, index, 0.0 if step.named else 0.1)
        for known in zip(*(side.known for side in self.sides), strict=False):
            if known[0].kind == "value" and known[0].name != "?":
                add(known[0].name, [one.value for one in known], -1, 0.6, is_foreign=True)
        return Stock(names, made, extra, foreign)

    def is_soft(self, spot: Spot) -> bool:
        """Tell whether what a spot makes is known, in the first pass of a loop that would have to change."""
        entries = (b.source for b in spot.bindings if b.is_entry)
        made = [s.index for s in spot.steps] or [source for source in entries if source is not None]
        if super().is_soft(spot) or len(made) < 2:
            return super().is_soft(spot)
        found = need(self.one, spot.steps, spot.bindings)
        changes = found.changes if found else ()
        changed = [index for index, by in zip(made, changes, strict=False) if bool((by.abs() > 1e-9).any())]
        return bool(changed) and changed[0] in self.acquitted

    def needed(self, spot: Spot) -> list[Tensor] | None:
        """Return what a spot would have to be, one value after another, where that is one thing alone."""
        if spot not in self.needs:
            is_floating = all(value.is_floating_point() for value in spot.values)
            self.needs[spot] = needed_values(self.one, spot.steps, spot.bindings) if is_floating else None
        return self.needs[spot]

    def is_on_soft_lines(self, rewrite: Rewrite) -> bool:
        """Tell whether a change of the source is of a line that makes nothing but what is known."""
        line = rewrite.place[0]
        spots = [
            s
            for s in self.suspects
            if s.steps and (s.place[0].file, s.place[0].line) == (line.file, line.line)
        ]
        return bool(spots) and all(map(self.is_soft, spots))

    def says_nothing(self, due: Due) -> bool:
        """Tell whether a due value is the gradient that is asked for: at the end, that always repairs."""
        return due.value in {f"dL/d{name}" for name in self.wrong}

    def is_affine(self, spot: Spot) -> bool:
        """Tell whether the result moves in proportion with a spot."""
        if spot not in self.affine:
            self.affine[spot] = self.one.is_affine(spot.steps, spot.bindings)
        return self.affine[spot]

    def may_repair(self, spot: Spot, edit: Edit) -> bool:
        """Tell whether an edit moves the result to where it should be, as far as derivatives tell."""
        if not self.is_affine(spot):
            return edit.cost <= MOST_OF_CURVED and not spot.bindings
        moved = []
        for i, value in enumerate(spot.values):
            args, kwargs = spot.steps[i].called if spot.steps else ((value,), {})
            try:
                new = edit.make(Call(args, kwargs, value, self.one.pool, self.one.numbers))
            except Exception:  # what does not fit is no repair
                return False
            if new.shape != value.shape or not value.is_floating_point() or not new.is_floating_point():
                return True
            moved.append(new - value)
        return self.moves_right(spot, moved)

    def moves_right(self, spot: Spot, by: list[Tensor]) -> bool:
        """Tell whether moving a spot by so much takes the result to the truth."""
        missing = self.one.missing
        if missing is None:
            return True
        left = missing - self.one.moved(spot.steps, spot.bindings, by)
        return bool(left.norm() <= FITS * missing.norm())

    def holds(self, spot: Spot, edit: Edit) -> bool:
        """Tell whether an edit makes every gradient right at all sides; a number needs sizes that differ."""
        sizes = [side.shape for side in self.sides]
        if edit.is_number and all(shape == sizes[0] for shape in sizes):
            return False
        return all(side.repaired(spot.steps, spot.bindings, edit.make) for side in self.sides)

    def local_repairs(self) -> Iterator[Repair]:
        """Yield the edits of single steps, with their own operands alone, that are repairs."""
        words = [*self.one.factors]
        steps = sorted((s for s in self.suspects if s.steps), key=self.is_unlikely)
        cheap = ((s, local_edits(s.steps[0], words, functions=self.is_affine(s))) for s in steps)
        return self._found(cheap)

    def curved_repairs(self) -> Iterator[Repair]:
        """Yield functions that were left out, where only running it again tells whether they repair."""
        steps = (spot for spot in self.suspects if spot.steps and not self.is_affine(spot))
        return self._found((spot, of_functions(spot.steps[0])) for spot in steps)

    def pool_repairs(self, *, arguments: bool) -> Iterator[Repair]:
        """Yield the edits that put in another value: in steps and assignments, or in arguments."""
        spots = sorted((s for s in self.suspects if s.is_argument == arguments), key=self.is_unlikely)
        return self._found((s, self._pool_edits(s)) for s in spots if self.is_affine(s))

    def unfinished(self) -> Iterator[Repair]:
        """Yield the factors that a true gradient may lack before it is used."""
        words = [*self.one.factors]
        return self._found((spot, of_result(spot.steps[0], words)) for spot in self.last_true)

    def _pool_edits(self, spot: Spot) -> Iterator[Edit]:
        stock = self.stock
        if spot.steps:
            return pool_edits(spot.steps[0], self.one.pool, stock, self.knows)
        binding = spot.bindings[0]
        known = self.knows(binding.value)
        return binding_edits(
            binding.name,
            binding.value,
            self.one.pool,
            stock,
            binding.time,
            [*self.one.factors],
            is_known=known,
        )

    def knows(self, value: Tensor) -> bool:
        """Tell whether a value is an input, or what forward makes, and has no other name."""
        if any(value.shape == other.shape and torch.equal(value, other) for other in self.misnamed):
            return False
        return any(match.is_exact for match in self.one.atlas.matches(value))

    @cached_property
    def misnamed(self) -> list[Tensor]:
        """The values of steps that have the name of something else."""
        steps = self.one.trace.steps
        return [steps[index].value for index in self.guilty if self.is_misnamed(index)]

    def _found(self, candidates: Iterator[tuple[Spot, Iterator[Edit]]]) -> Iterator[Repair]:
        least = float("inf")
        for spot, edits in candidates:
            more = SOFT * self.is_soft(spot) + PARTLY * spot.is_one_of_several
            for edit in edits:
                edit = replace(edit, cost=edit.cost + more) if more else edit
                likeliest = edit.cost - KNOWN * (edit.what.name == "times")
                if likeliest > least + NEAR or self.skip(spot, edit):
                    continue
                self.one.clock.check()
                if self.may_repair(spot, edit) and self.holds(spot, edit):
                    edit = replace(edit, cost=edit.cost - KNOWN * self.makes_known(spot, edit))
                    least = min(least, edit.cost)
                    yield Repair(spot, edit)

    def makes_known(self, spot: Spot, edit: Edit) -> bool:
        """Tell whether a factor, of all places in a product, stands where it makes what is known."""
        if edit.what.name != "times" or len(spot.values) > 1:
            return False
        (value,) = spot.values
        if is_constant(value):  # of that, any factor makes what the factor is
            return False
        new = edit.make(Call((), {}, value, self.one.pool, self.one.numbers))
        asked = (self.one.truth[name] for name in self.wrong)
        if all(new.shape == truth.shape and torch.allclose(new.abs(), truth.abs()) for truth in asked):
            return False  # at the end, whatever repairs makes these
        return any(match.is_exact for match in self.one.atlas.matches(new))


class Values:
    """Gives each call the next value; the call's own where there is none."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values
        self.reset()

    def reset(self) -> None:
        """Begin a new run."""
        self.waiting = iter(self.values)

    def __call__(self, call: Call) -> Tensor:
        """Return the next value in the shape of the call's own."""
        value = next(self.waiting, None)
        return call.result if value is None else value.reshape(call.result.shape)
