"""The factors that a step may be off by, each with the words for it: small numbers, and what sizes make."""

import math
from collections.abc import Iterator, Mapping

from runner.case.case import Case
from runner.formula import Shape


def factors(case: Case, shape: Shape) -> dict[str, float]:
    """Return the factors by their words, in an order that is the same at every shape; 1 is none of them."""
    found = {"2": 2.0, "1/2": 0.5, "4": 4.0, "1/4": 0.25, "3": 3.0, "1/3": 1 / 3}
    for name, size in _sizes(case, shape):
        found |= {name: float(size), f"1/{name}": 1 / size, f"2/{name}": 2 / size}
        found |= {f"sqrt({name})": size**0.5, f"1/sqrt({name})": size**-0.5}
        if size > 1:
            found |= {f"({name} - 1)": size - 1.0, f"1/({name} - 1)": 1 / (size - 1)}
            found |= {f"{name}/({name} - 1)": size / (size - 1), f"({name} - 1)/{name}": (size - 1) / size}
    for name, value in _numbers(case.params):
        found |= {name: value, f"1/{name}": 1 / value}
        if value != 1:
            found |= {f"(1 - {name})": 1 - value, f"1/(1 - {name})": 1 / (1 - value)}
    return {words: factor for words, factor in found.items() if math.isfinite(factor) and factor}


def _sizes(case: Case, shape: Shape) -> Iterator[tuple[str, int]]:
    """Yield the dimensions by name, and the numbers of elements."""
    for name, size in shape.items():
        if isinstance(size, list | tuple):
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(size))
            if len(size) > 1:
                yield f"{name}.numel()", math.prod(size)
        elif size:
            yield name, size
    named = {**case.inputs, **case.upstream}
    yield from ((f"{name}.numel()", value.numel()) for name, value in named.items() if value.numel())


def _numbers(params: Mapping[str, object]) -> Iterator[tuple[str, float]]:
    for name, value in params.items():
        if type(value) in (int, float) and value:
            yield name, float(value)  # type: ignore[arg-type]
