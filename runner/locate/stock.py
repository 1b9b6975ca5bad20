"""Edits that put in another value: in place of an operand, as a factor, or as a term."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.diagnose import say
from runner.locate.arithmetic import OPERATIONS
from runner.locate.edit import REVERSED, Call, Edit, Pool, texts
from runner.locate.trace import Step


@dataclass(frozen=True)
class Stock:
    """What may be put in: a name for each value of the pool, when it is there, and what it costs more."""

    names: Sequence[str]
    made: Sequence[int]
    extra: Sequence[float]

    def before(self, time: int) -> Iterator[int]:
        """Yield the places of the values that are there at a time."""
        return (k for k, made in enumerate(self.made) if made < time)


def pool_edits(step: Step, pool: Pool, stock: Stock) -> Iterator[Edit]:
    """Yield the changes that put in another value: in place of an operand, as a factor, or as a term."""
    args, _ = step.called
    written = texts(step, len(args))
    known = [*stock.before(step.index)]
    for i, arg in enumerate(args):
        if not isinstance(arg, Tensor) or not arg.is_floating_point() or (step.writes and i == 0):
            continue
        old = written[i] if i < len(written) and len(written) == len(args) else "an operand"
        if step.name.strip("_") in REVERSED and len(written) == 2:
            old = written[1 - i]
        for k in known:
            if pool[k].shape == arg.shape and not torch.equal(pool[k], arg):
                what = say("in_place_of", new=stock.names[k], old=old)
                yield Edit(what, 2.0 + stock.extra[k], _with(step, i, k))
    if step.value.is_floating_point() and step.value.ndim:
        yield from put_in(step.value, pool, stock, known)


def put_in(
    value: Tensor, pool: Pool, stock: Stock, known: Sequence[int], cost: float = 2.4
) -> Iterator[Edit]:
    """Yield a value with another one as a factor or as a term."""
    for k in known:
        if _fits(pool[k].shape, value.shape):
            name, more = stock.names[k], cost + stock.extra[k]
            yield Edit(say("times", factor=name), more, _put("*", k))
            yield Edit(say("times", factor=f"(1 - {name})"), more + 0.1, _complement(k))
            yield Edit(say("divided", by=name), more + 0.1, _put("/", k))
            yield Edit(say("plus", term=name), more, _put("+", k))
            yield Edit(say("minus", term=name), more, _put("-", k))


def _put(symbol: str, k: int) -> Callable[[Call], Tensor]:
    apply = OPERATIONS[symbol]

    def make(call: Call) -> Tensor:
        found: Tensor = apply(call.result, call.pool[k])
        return found

    return make


def _complement(k: int) -> Callable[[Call], Tensor]:
    return lambda call: call.result * (1 - call.pool[k])


def _instead(k: int) -> Callable[[Call], Tensor]:
    return lambda call: call.pool[k]


def binding_edits(name: str, value: Tensor, pool: Pool, stock: Stock, time: int) -> Iterator[Edit]:
    """Yield what a name may get instead of what it does."""
    yield Edit(say("times", factor="-1"), 1.9, lambda call: -call.result)
    known = [*stock.before(time)]
    for k in known:
        if pool[k].shape == value.shape and not torch.equal(pool[k], value):
            what = say("in_place_of", new=stock.names[k], old=name)
            yield Edit(what, 2.3 + stock.extra[k], _instead(k))
    yield from put_in(value, pool, stock, known, 2.6)


def _with(step: Step, place: int, k: int) -> Callable[[Call], Tensor]:
    def make(call: Call) -> Tensor:
        args = [*call.args]
        args[place] = call.pool[k]
        found: Tensor = step.func(*args, **call.kwargs)
        return found if isinstance(found, Tensor) else found[0]

    return make


def _fits(one: torch.Size, shape: torch.Size) -> bool:
    """Tell whether one shape is broadcast to another without making it larger."""
    room = len(shape) - len(one)
    return room >= 0 and all(part in (1, full) for part, full in zip(one, shape[room:], strict=True))
