"""The columns of the summary that say how cost grows with each dimension that was varied alone."""

import re
from collections.abc import Mapping
from typing import Any

from runner.clock.growth import growth
from runner.record import Cells, Column, typed

COSTS = {
    "manual_ms": Column("time_growth", str, "exponent of each dimension varied alone, as m=1.02[0.95,1.07]"),
    "autograd_ms": Column("autograd_time_growth", str, "the same of autograd's time"),
    "peak_memory_mb": Column("memory_growth", str, "the same of the derivation's peak memory"),
    "operations": Column("operations_growth", str, "the same of its operations: what time should follow"),
}
"""Columns of the summary, by the report's column that they are made of."""
MOST_SHAPES = 2048  # of a derivation; a sweep of more asks another question
MOST_AT_A_SHAPE = 32  # points, whose median counts


class Costs:
    """What a derivation costs at each shape."""

    def __init__(self) -> None:
        self._at: dict[str, list[tuple[float, ...]]] = {}

    def add(self, row: Cells) -> None:
        """Note one point; what was not timed, or has no dimension, says nothing."""
        shape = row["shape"]
        if row["manual_ms"] is None or not shape or (shape not in self._at and len(self._at) > MOST_SHAPES):
            return
        at = self._at.setdefault(shape, [])
        if len(at) < MOST_AT_A_SHAPE:
            at.append(tuple(float(row[name]) for name in COSTS))

    def cells(self) -> Mapping[str, str]:
        """Return the exponents as text; nothing where there are no four sizes of any dimension."""
        if not 4 <= len(self._at) <= MOST_SHAPES:
            return {column.name: "" for column in COSTS.values()}
        shapes = {text: sizes(text) for text in self._at}
        found = {}
        for place, column in enumerate(COSTS.values()):
            costs = [(shapes[text], costs[place]) for text, at in self._at.items() for costs in at]
            found[column.name] = " ".join(f"{name}={one}" for name, one in growth(costs).items())
        return found


def sizes(shape: str) -> dict[str, Any]:
    """Read `m=20 layers=[5,9,7]`, as the report spells a shape; sizes that are none are left out."""
    found: dict[str, Any] = {}
    for name, text in typed(shape).items():
        numbers = [int(part) for part in re.findall(r"\d+", text)]
        if numbers:
            found[name] = numbers if text.startswith("[") else numbers[0]
    return found
