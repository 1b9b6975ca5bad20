"""Runs a derivation again with something changed, and tells whether that makes every gradient right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.formula import Shape
from runner.formula.derivation import Derivation
from runner.locate.edit import Call
from runner.locate.influence import Influence, influence, rows_for, sketch
from runner.locate.known import Known, known_values
from runner.locate.limit import Clock
from runner.locate.match import Atlas, Match
from runner.locate.names import Names
from runner.locate.numbers import factors
from runner.locate.record import Watch
from runner.locate.subject import Subject
from runner.locate.trace import Binding, Part, Step, Trace

TOLERANCE = 1e-9
"""Of the largest true number: what float64 leaves of a right gradient."""

NOTHING = 1e-12
"""A step that makes less shows no mistake."""

Make = Callable[[Call], Tensor]


class OtherStepsError(Exception):
    """Other steps were run than before: what was put in changed what the code does."""


class Replaying(Watch):
    """Puts other values in place of the results of some steps; more calls than before end the run."""

    def __init__(
        self, trace: Trace, changes: Mapping[int, Make], pool: Sequence[Tensor], numbers: Sequence[float]
    ) -> None:
        super().__init__()
        self.trace, self.changes, self.pool, self.numbers = trace, changes, pool, numbers
        self.failed = False

    def see(self, index: int, func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
        """Make the call; where a change is asked for, return what that gives in place of its result."""
        if index >= self.trace.calls:
            raise OtherStepsError
        if (make := self.changes.get(index)) is None:
            return func(*args, **kwargs)
        if self.trace.steps[index].writes:
            before = (args[0].clone(), *args[1:])
            result = func(*args, **kwargs)
            args[0].copy_(self._made(make, Call(before, kwargs, args[0].clone(), self.pool, self.numbers)))
            return result
        result = func(*args, **kwargs)
        first = result if isinstance(result, Tensor) else result[0]
        new = self._made(make, Call(tuple(args), kwargs, first, self.pool, self.numbers))
        return new if isinstance(result, Tensor) else type(result)([new, *result[1:]])

    def _made(self, make: Make, call: Call) -> Tensor:
        """Make the other value; that it cannot be made is noted, for the code may catch what is raised."""
        try:
            return make(call)
        except BaseException:
            self.failed = True
            raise


@dataclass
class Side:
    """One seed: the derivation at a case, its trace, what is true there, and how steps move the result."""

    subject: Subject
    truth: Mapping[str, Tensor]
    trace: Trace
    factors: Mapping[str, float]
    clock: Clock
    shape: Shape
    of_size: tuple[int, float] = (0, 1.0)
    pool: list[Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, case: Case, shape: Shape, derivation: Derivation, clock: Clock) -> "Side":
        """Run forward, its truth, and the derivation, each once."""
        subject = Subject(case, derivation, clock)
        truth = derivation.kind.differentiate(
            case.evaluate_leaves, case.inputs, case.differentiable, case.upstream
        )
        trace = subject.record()
        clock.check()
        truth = {name: truth[name] for name in trace.gradients if name in truth}
        return cls(subject, truth, trace, factors(case, shape), clock, shape)

    def __post_init__(self) -> None:
        self.scale = {name: _size(value) for name, value in self.truth.items()}
        self.numbers = [*self.factors.values()]
        self.numbers_of_truth = max(1, sum(value.numel() for value in self.truth.values()))
        self.rows = rows_for(self.trace)
        self._matches: dict[int, list[Match]] = {}
        self._influence: list[Influence | None] = []

    @cached_property
    def known(self) -> Sequence[Known]:
        """What is known of the formula at this case."""
        return known_values(self.subject.case)

    @cached_property
    def atlas(self) -> Atlas:
        """What is known, in all its forms."""
        return Atlas(self.known, self.factors)

    def wrong(self, gradients: Mapping[str, Tensor], tolerance: float = TOLERANCE) -> list[str]:
        """Return the inputs whose gradient is not right."""
        return [name for name in self.truth if not self._is_right(name, gradients.get(name), tolerance)]

    def _is_right(self, name: str, gradient: Tensor | None, tolerance: float) -> bool:
        truth = self.truth[name]
        if gradient is None or gradient.shape != truth.shape:
            return False
        return bool(((gradient - truth).abs() <= tolerance * self.scale[name]).all()) or not truth.numel()

    def matches(self, index: int) -> list[Match]:
        """Return what a step's value is."""
        if not self._matches:
            steps = self.trace.steps
            found = self.atlas.matches_of([step.value for step in steps.values()])
            self._matches = dict(zip(steps, found, strict=True))
        return self._matches[index]

    def run(self, steps: Sequence[Step], bindings: Sequence[Binding], make: Make) -> dict[str, Tensor]:
        """Run with other values in place of some steps' results, or of what names get."""
        self.clock.check()
        getattr(make, "reset", lambda: None)()

        def renamed(value: Tensor) -> Tensor:
            with torch._C.DisableTorchFunction():
                return make(Call((value,), {}, value, self.pool, self.numbers))

        names = Names(None, {binding.key: renamed for binding in bindings}) if bindings else None
        changes = {step.index: make for step in steps}
        watch = Replaying(self.trace, changes, self.pool, self.numbers)
        gradients = self.subject.run(watch, names)
        if watch.failed or watch.calls != self.trace.calls:
            raise OtherStepsError
        return gradients

    def repaired(self, steps: Sequence[Step], bindings: Sequence[Binding], make: Make) -> bool:
        """Tell whether every gradient is right with other values; what raises is not."""
        try:
            return not self.wrong(self.run(steps, bindings, make))
        except Exception:  # what does not fit is no repair
            return False

    def mixed(self, gradients: Mapping[str, Tensor]) -> Tensor:
        """Return the mixtures of all gradients that are compared, each in units of its truth."""
        return torch.cat([self._mixtures(name, gradients[name]) for name in self.truth])

    def _mixtures(self, name: str, gradient: Tensor) -> Tensor:
        flat = (gradient.reshape(-1) / self.scale[name]).double()
        return sketch(flat.numel(), self.rows * flat.numel() / self.numbers_of_truth) @ flat

    @cached_property
    def of_right(self) -> Tensor:
        """Which mixtures are of gradients that are right."""
        wrong = self.wrong(self.trace.gradients)
        sizes = [(name, len(self._mixtures(name, value))) for name, value in self.truth.items()]
        return torch.tensor([name not in wrong for name, size in sizes for _ in range(size)])

    def matrix(self, part: Part) -> Tensor | None:
        """Return how a step or a name moves the mixtures; None where it does not."""
        influence = self.influence
        if influence is None:
            return None
        return (
            influence.of_step.get(part.index) if isinstance(part, Step) else influence.of_name.get(part.key)
        )

    def is_settled(self, part: Part) -> bool:
        """Tell whether all numbers of a step or a name that move anything move a gradient that is right."""
        matrix = self.matrix(part)
        if matrix is None:
            return False
        moves = matrix.abs().sum(0) > 0
        return bool(moves.any()) and bool((matrix[self.of_right].abs().sum(0) > 0)[moves].all())

    def moves_right_ones(self, steps: Sequence[Step], bindings: Sequence[Binding]) -> bool:
        """Tell whether steps or names move a gradient that is right, so that they are right themselves."""
        parts: list[Part] = [*steps, *bindings]
        return any(self.is_settled(part) and not _is_nothing(part.value) for part in parts)

    @cached_property
    def missing(self) -> Tensor | None:
        """What the mixtures lack of the truth; None where a gradient has another shape, or is not finite."""
        if any(self.trace.gradients[name].shape != truth.shape for name, truth in self.truth.items()):
            return None
        found = self.mixed(self.truth) - self.mixed(self.trace.gradients)
        return found if bool(found.isfinite().all()) else None

    @property
    def influence(self) -> Influence | None:
        """How each step moves the mixtures; None where that cannot be told."""
        if not self._influence:
            known = self.missing is not None
            self._influence.append(influence(self.subject, self.trace, self.mixed) if known else None)
        return self._influence[0]

    def moved(self, steps: Sequence[Step], bindings: Sequence[Binding], by: Sequence[Tensor]) -> Tensor:
        """Return how far the mixtures move with steps or names, in proportion."""
        moving: list[Part] = [*steps, *bindings]
        found = [(self.matrix(part), move) for part, move in zip(moving, by, strict=True)]
        parts = [m @ move.reshape(-1).double() for m, move in found if m is not None]
        return sum(parts, torch.zeros(1, dtype=torch.float64))

    def is_affine(self, steps: Sequence[Step], bindings: Sequence[Binding]) -> bool:
        """Tell whether the result moves in proportion with steps or names, by one try."""
        values = [step.value for step in steps] or [binding.value for binding in bindings]
        if self.influence is None or not all(value.is_floating_point() for value in values):
            return False
        pushes = [_push(value.shape, seed) for seed, value in enumerate(values)]
        waiting = iter(pushes)
        try:
            gradients = self.run(steps, bindings, lambda call: call.result + next(waiting))
            actual = self.mixed(gradients) - self.mixed(self.trace.gradients)
        except Exception:  # then nobody knows
            return False
        expected = self.moved(steps, bindings, pushes)
        return bool((actual - expected).norm() <= 1e-7 * (actual.norm() + 1e-300))


def _push(shape: torch.Size, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _size(value: Tensor) -> float:
    size = float(value.abs().max()) if value.numel() else 0.0
    return size if 0 < size < float("inf") else 1.0


def _is_nothing(value: Tensor) -> bool:
    """Tell whether a step makes nothing, and so shows no mistake."""
    return not value.numel() or float(value.abs().max()) < NOTHING


def alike(one: Side, other: Side) -> bool:
    """Tell whether two runs took the same steps."""
    return [*_calls(one)] == [*_calls(other)]


def _calls(side: Side) -> list[tuple[int, str]]:
    return [(step.index, step.name) for step in side.trace.steps.values()]
