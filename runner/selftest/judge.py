"""What handgrad says about a planted derivation, at each level of its checks."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from runner.checks import LEVELS
from runner.experiment import run
from runner.formula.signature import Function
from runner.record import Row
from runner.selftest.mistake import ACCURACY, Target, planted

RIGHT = ("exact", "correct")
IN_EVERY_DTYPE = (*ACCURACY, "wrong dtype")
LOWER = ("bfloat16", "float16", "float64")


def levels() -> tuple[str, ...]:
    """Return the levels of checks, the strictest first."""
    return tuple(reversed(LEVELS))


def verdict(target: Target, function: Function, level: str, kind: str) -> tuple[bool, str]:
    """Return whether a planted derivation is caught, and what was said about it.

    It is judged in the experiment's own dtype. A mistake of the arithmetic is tried in the others too, and
    caught where a row gets worse than the right derivation's. What the right one is accused of as well is
    no catch.
    """
    said = ""
    for dtype in dict.fromkeys([target.spec.dtype, *(LOWER if kind in IN_EVERY_DTYPE else ())]):
        spec = replace(target.spec, dtype=dtype, check=level, second_order=kind == "second order")
        there = replace(target, spec=spec)
        with planted(there, function) as changed:
            rows = run(changed)
        right = right_rows(there)
        caught = [row for row in rows if _worse(row, right, accuracy=kind in ACCURACY)]
        if caught:
            return True, f"{dtype}: {_in_words(caught)}"
        said = said or _in_words(rows)
    return False, said


def _worse(row: Row, right: Mapping[str, Row], *, accuracy: bool) -> bool:
    """Tell whether a row is rejected, or less accurate, where the right derivation's is not."""
    if any(_rejected(other) for other in right.values()):
        return False
    lost = row.verdict == "inaccurate" and getattr(right.get(row.wrt), "verdict", "") in RIGHT
    return _rejected(row) or (accuracy and lost)


def right_rows(target: Target) -> Mapping[str, Row]:
    """Return the rows of the right derivation, by input."""
    key = repr((target.spec, target.derivation))
    if key not in _right:
        with planted(target, target.function) as spec:
            _right[key] = {row.wrt: row for row in run(spec)}
    return _right[key]


_right: dict[str, Mapping[str, Row]] = {}


def _rejected(row: Row) -> bool:
    return row.status != "completed" or row.verdict not in (*RIGHT, "inaccurate")


def _in_words(rows: Iterable[Row]) -> str:
    return "; ".join(
        " ".join(filter(None, (row.wrt, row.verdict or row.status, row.failed_checks, row.error)))
        for row in rows
    )
