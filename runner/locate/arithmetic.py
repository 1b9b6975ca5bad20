"""Edits of operators, operands and numbers, and of a result as a whole."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from runner.diagnose import say
from runner.locate.edit import PRODUCT, REVERSED, Binary, Call, Edit, said, texts
from runner.locate.trace import Step

BINARY = {"add": "+", "sub": "-", "mul": "*", "div": "/", PRODUCT: "@", "pow": "**"}
OPERATIONS: dict[str, Binary] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "@": lambda a, b: a @ b, "**": lambda a, b: a**b,
}  # fmt: skip
OTHERS = {"+": "-", "-": "+*", "*": "/+", "/": "*", "@": "", "**": "*"}
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    function.__name__: function
    for function in (
        torch.exp, torch.log, torch.sqrt, torch.rsqrt, torch.square, torch.reciprocal, torch.sigmoid,
        torch.tanh, torch.abs, torch.sign,
    )
}  # fmt: skip
"""Functions that somebody may have left out."""

SMALL = (1, 2, 0.5, 3, 4, -1, 0)


def of_result(step: Step, numbers: Sequence[str]) -> Iterator[Edit]:
    """Yield changes of a result as a whole: a sign, a factor, transposed, added up over a loop."""
    yield Edit(say("times", factor="-1"), 1.6, lambda call: -call.result)
    if step.value.ndim >= 2:
        yield Edit(say("turned"), 1.6, lambda call: call.result.mT)
    for i, words in enumerate(numbers):
        cost = 2.0 if words in ("2", "1/2") else 2.3 + 0.01 * len(words)
        yield Edit(say("times", factor=words), cost, _times(i, 1), is_number=True)
        yield Edit(say("times", factor=f"-{words}"), cost + 0.4, _times(i, -1), is_number=True)
    if step.value.numel() > 1:
        yield Edit(say("accumulated"), 2.2, _Accumulated())


def _times(i: int, sign: int) -> Callable[[Call], Tensor]:
    return lambda call: sign * call.numbers[i] * call.result


class _Accumulated:
    """Adds the results of all passes of a loop."""

    def __init__(self) -> None:
        self.total: Tensor | None = None

    def reset(self) -> None:
        """Begin a new run."""
        self.total = None

    def __call__(self, call: Call) -> Tensor:
        same = self.total is not None and self.total.shape == call.result.shape
        self.total = call.result + self.total if same and self.total is not None else call.result
        return self.total


def of_binary(step: Step, symbol: str, turned: bool, numbers: Sequence[str]) -> Iterator[Edit]:
    """Yield changes of `a + b` and its like: another operator, one operand less, another number."""
    left, right = texts(step, 2) if len(texts(step, 2)) == 2 else ("its first operand", "its second operand")

    def by(change: Callable[[Any, Any], Any]) -> Callable[[Call], Tensor]:
        def make(call: Call) -> Tensor:
            a, b = (call.args[1], call.args[0]) if turned else call.args[:2]
            found = change(a, b)
            return found if isinstance(found, Tensor) else torch.full_like(call.result, found)

        return make

    for other in OTHERS[symbol]:
        yield Edit(say("in_place_of", new=other, old=symbol), 1.0, by(OPERATIONS[other]))
    if symbol == "+":  # `1 + s` arrives as `s + 1`
        yield Edit(say("in_place_of", new="-", old="+"), 1.05, by(lambda a, b: b - a))
    if symbol in ("-", "/", "**"):
        swapped = f"{right} {symbol} {left}", f"{left} {symbol} {right}"
        yield Edit(
            say("in_place_of", new=swapped[0], old=swapped[1]), 1.3, by(lambda a, b: OPERATIONS[symbol](b, a))
        )
    if symbol == "@":
        yield from _of_product(left, right, by)
    for kept, lost, take in ((left, 1, lambda a, b: a), (right, 0, lambda a, b: b)):
        what = say("in_place_of", new=kept, old=f"{left} {symbol} {right}")
        yield Edit(what, 1.5, by(take), operand=1 - lost if turned else lost)
    a, b = (step.args[1], step.args[0]) if turned else step.args[:2]
    for number, first, old in ((a, True, left), (b, False, right)):
        if type(number) not in (int, float):
            continue
        old = said(number) if old.startswith("its ") else old
        for small in (*SMALL, -number):
            if small != number:
                what = say("in_place_of", new=said(small), old=old)
                yield Edit(what, 1.2, by(_with_number(symbol, first, small)), is_number=True)
        for i, words in enumerate(numbers):
            what = say("in_place_of", new=words, old=old)
            yield Edit(what, 1.6 + 0.01 * len(words), _with_number_of(by, symbol, first, i), is_number=True)


def of_choice(step: Step) -> Iterator[Edit]:
    """Yield other numbers, and an operand in place of a number, in a choice between two values."""
    for i in (1, 2):
        number = step.args[i]
        if type(number) in (int, float):
            for small in (*SMALL, -number):
                if small != number:
                    what = say("in_place_of", new=said(small), old=said(number))
                    yield Edit(what, 1.2, _chosen(i, small))


def _chosen(i: int, number: float) -> Callable[[Call], Tensor]:
    def make(call: Call) -> Tensor:
        given: list[Any] = [*call.args]
        given[i] = number
        found: Tensor = torch.where(*given)
        return found

    return make


def _with_number(symbol: str, first: bool, number: float) -> Callable[[Any, Any], Any]:
    apply = OPERATIONS[symbol]
    return lambda a, b: apply(number, b) if first else apply(a, number)


def _with_number_of(by: Callable[..., Any], symbol: str, first: bool, i: int) -> Callable[[Call], Tensor]:
    def make(call: Call) -> Tensor:
        found: Tensor = by(_with_number(symbol, first, call.numbers[i]))(call)
        return found

    return make


def _of_product(left: str, right: str, by: Callable[..., Callable[[Call], Tensor]]) -> Iterator[Edit]:
    forms: list[tuple[str, Callable[[Tensor, Tensor], Tensor]]] = [
        (f"{right} @ {left}", lambda a, b: b @ a),
        (f"{left}.mT @ {right}", lambda a, b: a.mT @ b),
        (f"{left} @ {right}.mT", lambda a, b: a @ b.mT),
        (f"{right}.mT @ {left}", lambda a, b: b.mT @ a),
        (f"{right} @ {left}.mT", lambda a, b: b @ a.mT),
    ]
    for text, change in forms:
        yield Edit(say("in_place_of", new=text, old=f"{left} @ {right}"), 1.2, by(change))


def of_functions(step: Step) -> Iterator[Edit]:
    """Yield functions of an operand in its place, such as somebody may have left out."""
    args, _ = step.called
    written = texts(step, len(args))
    for i, arg in enumerate(args):
        if isinstance(arg, Tensor) and arg.is_floating_point() and not (step.writes and i == 0):
            old = written[i] if len(written) == len(args) else "an operand"
            if step.name.strip("_") in REVERSED and len(written) == 2:
                old = written[1 - i]
            for name, apply in FUNCTIONS.items():
                yield Edit(
                    say("in_place_of", new=f"{name}({old})", old=old),
                    1.6,
                    _through(step, i, apply),
                    operand=i,
                    is_inverse=name in ("reciprocal", "square"),
                )


def _through(step: Step, place: int, apply: Callable[[Tensor], Tensor]) -> Callable[[Call], Tensor]:
    return lambda call: called_with(step, call, place, apply(call.args[place]))


def called_with(step: Step, call: Call, place: int, operand: Tensor) -> Tensor:
    """Call a step's operation with another operand."""
    args = [*call.args]
    args[place] = operand
    found = step.func(*args, **call.kwargs)
    first: Tensor = found if isinstance(found, Tensor) else found[0]
    return first
