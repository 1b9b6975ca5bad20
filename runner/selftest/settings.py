"""The shapes and hyper-parameters at which a formula is looked at."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from runner.checks.dimensions import places, resized
from runner.formula import Formula

SIZES = (1, 2, 3, 8, 13)
EQUAL = (2, 4, 5, 8)  # sizes that all dimensions have at once
LONG = 67  # more than a tile of 64
TILES = (129, 1025)  # one more than a block of a kernel
MOST_ELEMENTS = 20_000


def variations(formula: Formula, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the hyper-parameters, and them with one or two replaced by each of their examples."""
    yield dict(params)
    seen = [dict(params)]
    examples = [(name, v) for name in formula.parameters for v in formula.domain_of(name).examples]
    single = ((one,) for one in examples)
    for chosen in itertools.chain(single, itertools.combinations(examples, 2)):
        changed = {**params, **dict(chosen)}
        if changed not in seen:
            seen.append(changed)
            yield changed


def shapes(
    formula: Formula,
    shape: Mapping[str, Any],
    params: Mapping[str, Any],
    sizes: Sequence[int] = (*SIZES, LONG),
    most: int = MOST_ELEMENTS,
) -> Iterator[dict[str, Any]]:
    """Yield shapes of one changed size, and some of equal sizes, where the formula allows them."""
    candidates = [resized(shape, place, size) for place in places(shape) for size in sizes]
    candidates += [{d: [n] * len(v) if isinstance(v, list) else n for d, v in shape.items()} for n in EQUAL]
    seen = [dict(shape)]
    for changed in candidates:
        if changed not in seen and _allowed(formula, changed, params, most):
            seen.append(changed)
            yield changed


def _allowed(formula: Formula, shape: Mapping[str, Any], params: Mapping[str, Any], most: int) -> bool:
    try:
        sizes = formula.sizes(shape, params)
    except (ValueError, TypeError, ZeroDivisionError):
        return False
    return sum(torch.Size(size).numel() for size in sizes.values()) <= most
