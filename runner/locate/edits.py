"""What may stand in place of a step: another operator, axis or number, or one operand less."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from runner.diagnose import say
from runner.locate.arithmetic import BINARY, of_binary, of_choice, of_functions, of_result
from runner.locate.edit import Call, Edit, operation
from runner.locate.reductions import REDUCTIONS, of_einsum, of_reduction, of_slice
from runner.locate.trace import Step

COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})


def local_edits(step: Step, numbers: Sequence[str], *, functions: bool = True) -> Iterator[Edit]:
    """Yield the changes of a step that need nothing but its own operands; functions of them where wanted."""
    name, turned = operation(step)
    if name in BINARY and len(step.args) > 1:
        yield from of_binary(step, BINARY[name], turned, numbers)
    elif name == "setitem":
        yield Edit(say("without_assignment"), 1.5, lambda call: call.args[0])
    elif name in REDUCTIONS:
        yield from of_reduction(step, name)
    elif name == "where" and len(step.args) == 3:
        yield Edit(say("branches_swapped"), 1, _swapped, operand=0)
        yield from of_choice(step)
    elif name in COMPARISONS:
        yield Edit(say("negated"), 1.2, lambda call: ~call.result)
    elif name == "einsum":
        yield from of_einsum(step)
    elif name == "getitem":
        yield from of_slice(step)
    if (
        step.args
        and isinstance(step.args[0], Tensor)
        and name not in BINARY
        and name not in ("setitem", "getitem")
    ):
        yield Edit(
            say("without", what=step.name.strip("_")),
            1.0 if step.name == "neg" else 1.4,
            lambda call: call.args[0],
        )
    if step.value.is_floating_point():
        yield from of_result(step, numbers)
        if functions:
            yield from of_functions(step)


def _swapped(call: Call) -> Tensor:
    return torch.where(call.args[0], call.args[2], call.args[1])
