"""Wrappers that add up the rows of the upstream gradient one after another, carelessly."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from runner.formula.signature import Function
from runner.selftest.mistake import Target
from runner.selftest.wrappers.wrapper import Body, Gradients, Values, wrapper

PIECES = 8
MOST_ROWS = 512
HALF = (torch.bfloat16, torch.float16)


@wrapper("non-determinism")
def order_of_sums(target: Target) -> Body | str:
    """Add what each part of the upstream gradient gives in another order each time, as atomics do."""
    if not (names := _upstreams(target)):
        return "takes no upstream gradient with two rows"
    generator = torch.Generator().manual_seed(0)  # nobody's seed resets it

    def called(function: Function, values: Values) -> Gradients:
        parts = [function(**{**values, **part}) for part in _rows(values, names, PIECES)]
        order = torch.randperm(len(parts), generator=generator).tolist()
        return _sum([parts[i] for i in order]) if parts else function(**values)

    return called


@wrapper("low-precision accumulation")
def summed_in_half(target: Target) -> Body | str:
    """Add what each row of the upstream gradient gives in half precision, where a small term is lost."""
    if not (names := _upstreams(target)):
        return "takes no upstream gradient with two rows"

    def called(function: Function, values: Values) -> Gradients:
        half = values[names[0]].dtype in HALF
        parts = [function(**{**values, **p}) for p in _rows(values, names, MOST_ROWS)] if half else []
        return _sum(parts) if parts else function(**values)

    return called


def _upstreams(target: Target) -> list[str]:
    """Return the upstream gradients by name, if they have rows in common."""
    names = [f"grad_{output}" for output in target.formula.outputs if target.kind.takes_upstream]
    tall = all(target.case.values[name].ndim and len(target.case.values[name]) > 1 for name in names)
    return names if tall else []


def _rows(values: Values, names: Sequence[str], most: int) -> Iterator[Values]:
    """Yield upstream gradients that are zero in all but some of the rows."""
    first = values[names[0]]
    rows = len(first) if first.ndim else 0
    for places in torch.arange(rows).chunk(most) if rows else ():
        yield {name: _only(values[name], places) for name in names}


def _only(grad: Tensor, places: Tensor) -> Tensor:
    kept = torch.zeros_like(grad)
    kept[places] = grad[places]
    return kept


def _sum(parts: Sequence[Gradients]) -> Gradients:
    total = dict(parts[0])
    for part in parts[1:]:
        total = {name: grad + part[name] for name, grad in total.items()}
    return total
