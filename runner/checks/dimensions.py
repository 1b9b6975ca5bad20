"""The dimensions of a shape, one by one."""

from collections.abc import Iterator
from typing import Any

from runner.formula import Formula
from runner.formula.edge import Shape

Place = tuple[str, Any]
"""A dimension: its name, and which of a list of sizes it is, or None."""


def places(shape: Shape) -> Iterator[Place]:
    """Yield every dimension, those in lists one by one."""
    for name, size in shape.items():
        yield from ((name, i) for i in range(len(size))) if isinstance(size, list) else [(name, None)]


def resized(shape: Shape, place: Place, n: int) -> dict[str, Any]:
    """Return a shape with another size of one dimension."""
    name, i = place
    size = shape[name]
    return {**shape, name: n if isinstance(size, int) else [*size[:i], n, *size[i + 1 :]]}


def capped(size: int | list[int], most: int) -> int | list[int]:
    """Return a size, or each of a list of them, no larger than `most`."""
    return [min(n, most) for n in size] if isinstance(size, list) else min(size, most)


def is_legal(formula: Formula, shape: Shape, params: Any) -> bool:
    """Tell whether the sizes of a shape fit each other."""
    try:
        formula.sizes(shape, params)
    except ValueError:
        return False
    return True
