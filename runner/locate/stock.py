"""Edits that put in another value: in place of an operand, as a factor, or as a term."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.diagnose import say
from runner.locate.arithmetic import FUNCTIONS, OPERATIONS, called_with
from runner.locate.edit import REVERSED, Call, Edit, Pool, texts
from runner.locate.trace import Step

CONSTANT = 0.5
"""What it costs more in place of a value that is one number everywhere: it may fit by chance."""


@dataclass(frozen=True)
class Stock:
    """What may be put in: a name for each value of the pool, when it is there, and what it costs more.

    What the derivation is not given is `foreign`: it may be a factor or a term, but in place of a value that
    nobody recognises it is no repair: it says what that value should be.
    """

    names: Sequence[str]
    made: Sequence[int]
    extra: Sequence[float]
    foreign: Sequence[bool]

    def before(self, time: int) -> Iterator[int]:
        """Yield the places of the values that are there at a time."""
        return (k for k, made in enumerate(self.made) if made < time)

    def instead(self, time: int, is_known: bool) -> Iterator[int]:
        """Yield the places of the values that may stand for another one, which is known or not."""
        return (k for k in self.before(time) if is_known or not self.foreign[k])


def pool_edits(step: Step, pool: Pool, stock: Stock, is_known: Callable[[Tensor], bool]) -> Iterator[Edit]:
    """Yield the changes that put in another value: in place of an operand, as a factor, or as a term."""
    args, _ = step.called
    written = texts(step, len(args))
    for i, arg in enumerate(args):
        if not isinstance(arg, Tensor) or not arg.is_floating_point() or (step.writes and i == 0):
            continue
        old = written[i] if i < len(written) and len(written) == len(args) else "an operand"
        if step.name.strip("_") in REVERSED and len(written) == 2:
            old = written[1 - i]
        for k in stock.instead(step.index, is_known(arg)):
            if pool[k].shape == arg.shape and not torch.equal(pool[k], arg):
                what = say("in_place_of", new=stock.names[k], old=old)
                yield Edit(what, 2.0 + CONSTANT * is_constant(arg) + stock.extra[k], _with(step, i, k))
        yield from _changed_operand(step, i, old, pool, [*stock.instead(step.index, is_known=False)], stock)
    if step.value.is_floating_point() and step.value.ndim:
        yield from put_in(step.value, pool, stock, [*stock.before(step.index)])


def _changed_operand(
    step: Step, place: int, old: str, pool: Pool, known: Sequence[int], stock: Stock
) -> Iterator[Edit]:
    """Yield functions of an operand in its place, and the operand with another value as factor or term."""
    arg = step.called[0][place]
    for k in known:
        if _fits(pool[k].shape, arg.shape):
            for symbol in "*/-":
                what = say("in_place_of", new=f"({old} {symbol} {stock.names[k]})", old=old)
                yield Edit(
                    what, 2.9 + stock.extra[k], _combined(step, place, symbol, k, turned=False), operand=place
                )
            what = say("in_place_of", new=f"({stock.names[k]} - {old})", old=old)
            yield Edit(what, 2.9 + stock.extra[k], _combined(step, place, "-", k, turned=True), operand=place)


def put_in(
    value: Tensor, pool: Pool, stock: Stock, known: Sequence[int], cost: float = 2.4
) -> Iterator[Edit]:
    """Yield a value with another one as a factor or as a term."""
    for k in known:
        if _fits(pool[k].shape, value.shape):
            name, more = stock.names[k], cost + CONSTANT * is_constant(value) + stock.extra[k]
            yield Edit(say("times", factor=name), more, _put("*", k))
            yield Edit(say("times", factor=f"(1 - {name})"), more + 0.1, _factor(k, lambda v: 1 - v))
            yield Edit(say("times", factor=f"(1 - {name}**2)"), more + 0.2, _factor(k, lambda v: 1 - v**2))
            yield Edit(
                say("times", factor=f"{name} * (1 - {name})"), more + 0.2, _factor(k, lambda v: v * (1 - v))
            )
            yield Edit(say("divided", by=name), more + 0.1, _put("/", k))
            yield Edit(say("plus", term=name), more, _put("+", k))
            yield Edit(say("minus", term=name), more, _put("-", k))


def _put(symbol: str, k: int) -> Callable[[Call], Tensor]:
    apply = OPERATIONS[symbol]

    def make(call: Call) -> Tensor:
        found: Tensor = apply(call.result, call.pool[k])
        return found

    return make


def _factor(k: int, of: Callable[[Tensor], Tensor]) -> Callable[[Call], Tensor]:
    return lambda call: call.result * of(call.pool[k])


def _instead(k: int) -> Callable[[Call], Tensor]:
    return lambda call: call.pool[k]


def binding_edits(
    name: str, value: Tensor, pool: Pool, stock: Stock, time: int, numbers: Sequence[str], *, is_known: bool
) -> Iterator[Edit]:
    """Yield what a name may get instead of what it does."""
    yield Edit(say("times", factor="-1"), 1.9, lambda call: -call.result)
    for function, apply in FUNCTIONS.items():
        yield Edit(say("in_place_of", new=f"{function}({name})", old=name), 2.3, _of_result(apply))
    for i, words in enumerate(numbers):
        yield Edit(say("times", factor=words), 2.3 + 0.01 * len(words), _times(i), is_number=True)
    for k in stock.instead(time, is_known):
        if pool[k].shape == value.shape and not torch.equal(pool[k], value):
            what = say("in_place_of", new=stock.names[k], old=name)
            yield Edit(what, 2.3 + stock.extra[k], _instead(k))
    yield from put_in(value, pool, stock, [*stock.before(time)], 2.6)


def _of_result(apply: Callable[[Tensor], Tensor]) -> Callable[[Call], Tensor]:
    return lambda call: apply(call.result)


def _times(i: int) -> Callable[[Call], Tensor]:
    return lambda call: call.numbers[i] * call.result


def _combined(step: Step, place: int, symbol: str, k: int, *, turned: bool) -> Callable[[Call], Tensor]:
    apply = OPERATIONS[symbol]

    def make(call: Call) -> Tensor:
        pair = (call.args[place], call.pool[k])
        return called_with(step, call, place, apply(*(pair[::-1] if turned else pair)))

    return make


def _with(step: Step, place: int, k: int) -> Callable[[Call], Tensor]:
    return lambda call: called_with(step, call, place, call.pool[k])


def is_constant(value: Tensor) -> bool:
    """Tell whether all elements are one number."""
    return value.numel() > 1 and bool((value == value.reshape(-1)[0]).all())


def _fits(one: torch.Size, shape: torch.Size) -> bool:
    """Tell whether one shape is broadcast to another without making it larger."""
    room = len(shape) - len(one)
    return room >= 0 and all(part in (1, full) for part, full in zip(one, shape[room:], strict=True))
