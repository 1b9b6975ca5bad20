"""The locator's own cases: float64, signed numbers, small sizes that are all different."""

from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Any

import torch

from runner.case.case import Case
from runner.case.inputs import make_case
from runner.case.spec import Spec
from runner.formula import Shape, lookup
from runner.settings import Inputs

MOST_ELEMENTS = 400
"""Of all inputs and outputs together: a gradient is solved for number by number."""


def small_case(spec: Spec, seed: int, larger: int = 0, scale: float = 1.0) -> tuple[Case, Shape]:
    """Return a case of the specification's formula and hyper-parameters, and its shape.

    Its sizes are `larger` than the smallest by so much. Sizes at which forward is not finite show nothing:
    they are taken where there are no others. Raises what forward does where no small shape fits.
    """
    formula = lookup(spec.formula)
    settings = Inputs(distribution="normal", scale=scale, ids=spec.inputs.ids)
    error: Exception | None = None
    infinite: tuple[Case, Shape] | None = None
    for shape in shapes(spec.shape, larger):
        try:
            case = make_case(
                formula,
                shape,
                spec.params,
                seed=seed,
                settings=settings,
                upstream="normal",
                dtype=torch.float64,
            )
        except Exception as raised:  # these sizes do not fit together
            error = raised
            continue
        if case.terms > MOST_ELEMENTS * (1 + larger) and shape != spec.shape:
            continue
        if all(bool(case.results[name].isfinite().all()) for name in case.upstream):
            return case, shape
        infinite = infinite or (case, shape)
    if infinite is not None:
        return infinite
    assert error is not None
    raise error


def shapes(shape: Mapping[str, Any], larger: int = 0) -> Iterator[Shape]:
    """Yield shapes from the preferred ones to the experiment's own; the first dimensions are the smallest.

    Where none of these will do, they are the largest: a sequence may have to be longer than another.
    """
    falling = 3 + larger + len(shape)
    for least, of_lists, by in ((4, 3, 1), (3, 2, 1), (3, 0, 1), (2, 0, 1), (falling, 3, -1)):
        sizes = iter(range(least + larger * (by > 0), 100 if by > 0 else 0, by))
        lists = iter(range(of_lists + larger, 100)) if of_lists else repeat(2 + larger)
        yield {
            name: [_resized(part, lists) for part in size]
            if isinstance(size, list | tuple)
            else _resized(size, sizes)
            for name, size in shape.items()
        }
    yield {
        name: [min(part, 4 + larger) for part in size]
        if isinstance(size, list | tuple)
        else min(size, 4 + larger)
        for name, size in shape.items()
    }
    yield dict(shape)


def _resized(size: int, sizes: Iterator[int]) -> int:
    return next(sizes) if size > 1 else size
