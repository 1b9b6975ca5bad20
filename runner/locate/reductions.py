"""Edits of what is summed over, of the letters of einsum, and of the bounds of a slice."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from runner.diagnose import say
from runner.locate.edit import Call, Edit
from runner.locate.trace import Step

ENDS = ("start", "stop")
REDUCTIONS = ("sum", "mean", "amax", "amin")


def of_reduction(step: Step, name: str) -> Iterator[Edit]:
    """Yield a sum over another axis, or a mean in place of it."""
    args, kwargs = step.called
    given = kwargs.get("dim", args[1] if len(args) > 1 and not isinstance(args[1], Tensor) else None)
    keep = bool(kwargs.get("keepdim", args[2] if len(args) > 2 and isinstance(args[2], bool) else False))
    rank = args[0].ndim
    axes: list[Any] = [None, *range(rank)]
    own = given % rank if isinstance(given, int) and rank else given
    for other in ("sum", "mean"):
        if other != name and name in ("sum", "mean"):
            yield Edit(say("in_place_of", new=other, old=name), 1.0, _reduced(other, given, keep))
    for axis in axes:
        if axis != own:
            new = "all axes" if axis is None else f"axis {axis}"
            old = "all axes" if given is None else f"axis {given}"
            yield Edit(say("in_place_of", new=new, old=old), 1.1, _reduced(name, axis, keep))
            if name in ("sum", "mean"):
                other = "mean" if name == "sum" else "sum"
                new, old = f"{other} over {new}", f"{name} over {old}"
                yield Edit(say("in_place_of", new=new, old=old), 2.2, _reduced(other, axis, keep))


def _reduced(name: str, axis: Any, keep: bool) -> Callable[[Call], Tensor]:
    def make(call: Call) -> Tensor:
        x = call.args[0]
        over = tuple(range(x.ndim)) if axis is None else axis
        found: Tensor = getattr(torch, name)(
            x, over, keepdim=keep or (axis is None and call.result.ndim == x.ndim)
        )
        return found

    return make


def of_einsum(step: Step) -> Iterator[Edit]:
    """Yield the letters of one operand transposed."""
    if not step.args or not isinstance(step.args[0], str) or "->" not in step.args[0]:
        return
    given = step.args[0]
    operands, _, result = given.partition("->")
    parts = operands.split(",")
    for i, part in enumerate(parts):
        letters = part.replace(".", "")
        if len(letters) > 1:
            turned = part[:-2] + part[-1] + part[-2]
            spec = ",".join([*parts[:i], turned, *parts[i + 1 :]]) + "->" + result
            yield Edit(say("in_place_of", new=spec, old=given), 1.0, _by_letters(spec))


def _by_letters(spec: str) -> Callable[[Call], Tensor]:
    return lambda call: torch.einsum(spec, *call.args[1:])


def of_slice(step: Step) -> Iterator[Edit]:
    """Yield bounds and indices moved by one."""
    index = step.args[1]
    parts = index if isinstance(index, tuple) else (index,)
    for i, part in enumerate(parts):
        for end, by in ((end, by) for end in ENDS for by in (-1, 1)):
            if (new := _moved(part, end, by)) is not None:
                figures = {"new": _slice_text(new), "old": _slice_text(part)}
                yield Edit(say("in_place_of", **figures), 1.3, _taken(i, end, by))


def _moved(part: Any, end: str, by: int) -> Any:
    """Return an index, or one end of a slice, moved; None where there is none."""
    if type(part) is int:
        return part + by if end == "start" else None
    if not isinstance(part, slice) or part.step not in (None, 1):
        return None
    bounds = {"start": part.start, "stop": part.stop}
    if type(bounds[end]) is not int or (end == "start" and bounds[end] + by < 0):
        return None
    return slice(*{**bounds, end: bounds[end] + by}.values())


def _slice_text(part: Any) -> str:
    if isinstance(part, slice):
        return f"[{'' if part.start is None else part.start}:{'' if part.stop is None else part.stop}]"
    return f"[{part}]"


def _taken(place: int, end: str, by: int) -> Callable[[Call], Tensor]:
    def make(call: Call) -> Tensor:
        index = call.args[1]
        parts = index if isinstance(index, tuple) else (index,)
        found: Tensor = call.args[0][(*parts[:place], _moved(parts[place], end, by), *parts[place + 1 :])]
        return found

    return make
