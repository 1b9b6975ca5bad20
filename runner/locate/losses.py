"""Where the digits go: each step's own rounding in a dtype, and what that makes of the result's error.

The derivation runs in its dtype, and each step is computed again in float64 on the very inputs that it got:
the difference is its own error. Run in float64 throughout, the result moves in proportion with each step;
the errors times that add up to the whole error, to first order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from runner.case.case import Case
from runner.formula.derivation import Derivation
from runner.judge.manual import copied
from runner.locate.place import Line
from runner.locate.record import Recorder, Watch
from runner.locate.trace import Step, called

CASTS = frozenset({"to", "float", "double", "half", "bfloat16", "type", "type_as"})
MOST_NUMBERS = 2**24
"""Of all steps together, which are kept: 128 MiB in float64."""
SUMS = (0.9, 1.1)
"""Of the whole error, what the contributions may add up to where they are believed."""
MOST = 0.5
"""A line that makes more of the error than this is named."""


@dataclass(frozen=True)
class Losses:
    """What each line contributes to the error of one gradient, as a share of it; together about 1."""

    shares: Mapping[Line, float]
    steps: Mapping[Line, Step]
    total: float

    @property
    def worst(self) -> tuple[Line, float] | None:
        """The line that loses more than half, if there is one and the shares explain the error."""
        if not self.shares or not SUMS[0] <= self.total <= SUMS[1]:
            return None
        line, share = max(self.shares.items(), key=lambda entry: entry[1])
        return (line, share / self.total) if share / self.total > MOST else None


def wide(value: Any) -> Any:
    """Return a floating tensor in float64, and anything else as it is."""
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


class _Exact(Watch):
    """Computes in float64 whatever the dtypes say, and adds a zero to each result."""

    def __init__(self, steps: Mapping[int, Step]) -> None:
        super().__init__()
        self.steps = steps
        self.zeros: dict[int, Tensor] = {}

    def see(self, index: int, func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
        """Make the call in float64; a cast to another floating dtype is none."""
        step = self.steps.get(index)
        if step is None:
            return func(*args, **kwargs)
        if step.writes:
            first, *rest = args
            func(first, *tree_map(wide, tuple(rest)), **tree_map(wide, dict(kwargs)))
            return first
        result = _computed(step.name, func, args, kwargs)
        if isinstance(result, Tensor) and result.is_floating_point() and step.value.is_floating_point():
            zero = torch.zeros(result.shape, dtype=torch.float64, requires_grad=True)
            self.zeros[index] = zero
            return result + zero
        return result


def _computed(name: str, func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    args, named = tree_map(wide, tuple(args)), dict(tree_map(wide, dict(kwargs)))
    if name in CASTS and isinstance(args[0], Tensor) and args[0].is_floating_point():
        return args[0]
    if isinstance(named.get("dtype"), torch.dtype) and named["dtype"].is_floating_point:
        named["dtype"] = torch.float64
    return tree_map(wide, func(*args, **named))


def losses(case: Case, derivation: Derivation, wrt: str) -> Losses | None:
    """Return what each line contributes to the error by one input; None where that cannot be told."""
    try:
        recorder = Recorder()
        low = _run(case, derivation, recorder)[wrt]
        steps = recorder.trace.steps
        if sum(step.value.numel() for step in steps.values()) > MOST_NUMBERS:
            return None
        if any(step.writes for step in steps.values()):
            return None
        exact = _Exact(steps)
        high = _run(case, derivation, exact, graph=True)[wrt]
        error = low.double() - high.detach()
        size = float(error.norm())
        if not size or exact.calls != recorder.calls or not high.requires_grad:
            return None
        zeros = [*exact.zeros.items()]
        along = (high * (error / size)).sum()
        pulls = torch.autograd.grad(along, [zero for _, zero in zeros], allow_unused=True)
    except Exception:  # an operation that PyTorch has not in float64, or without a derivative
        return None
    return _by_line(
        steps, {i: pull for (i, _), pull in zip(zeros, pulls, strict=True) if pull is not None}, size
    )


def _run(case: Case, derivation: Derivation, watch: Watch, *, graph: bool = False) -> dict[str, Tensor]:
    values = {name: copied(value) for name, value in case.values.items()}
    bound = derivation.bound(values, case.inputs)
    with torch.enable_grad() if graph else torch.no_grad(), watch:
        result = called(bound)
    return derivation.by_name(result)


def _by_line(steps: Mapping[int, Step], pulls: Mapping[int, Tensor], size: float) -> Losses:
    shares: dict[Line, float] = {}
    most: dict[Line, tuple[float, Step]] = {}
    for index, pull in pulls.items():
        step = steps[index]
        own = own_error(step)
        if own is None or not step.place:
            continue
        line = _whole(step.place[0])
        share = float((pull * own).sum()) / size
        shares[line] = shares.get(line, 0.0) + share
        most[line] = max(most.get(line, (share, step)), (share, step), key=lambda entry: entry[0])
    return Losses(shares, {line: step for line, (_, step) in most.items()}, sum(shares.values()))


def errors_in_u(case: Case, derivation: Derivation) -> dict[Line, float]:
    """Return the largest error that a step of each line makes itself, in units of its dtype's roundoff."""
    recorder = Recorder()
    _run(case, derivation, recorder)
    found: dict[Line, float] = {}
    for step in recorder.trace.steps.values():
        largest = float(step.value.double().abs().max()) if step.value.numel() else 0.0
        if step.place and largest and (own := own_error(step)) is not None:
            line, unit = _whole(step.place[0]), torch.finfo(step.value.dtype).eps / 2
            found[line] = max(found.get(line, 0.0), float(own.abs().max()) / largest / unit)
    return found


def own_error(step: Step) -> Tensor | None:
    """Return what a step's result differs by from float64 on the inputs that it got."""
    if not step.value.is_floating_point() or step.writes:
        return None
    args, kwargs = step.called
    with torch.no_grad():
        exact = _computed(step.name, step.func, args, kwargs)
    first = exact if isinstance(exact, Tensor) else exact[0]
    return step.value.double() - first if first.shape == step.value.shape else None


def _whole(line: Line) -> Line:
    """Return the line itself, without the columns of one expression of it."""
    return Line(line.file, line.line, line.line, (0, 10**6), line.function)
