"""The rows of a report in the terminal."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console

from runner.record import PREEMPTED, Cells
from runner.report.fitted import Shown, print_fitted
from runner.report.signs import shown

POINT = ("shape", "params", "dtype", "device", "execution", "seed")
"""What tells the points of a sweep apart."""
WIDE = 0.1
"""A spread, as a share of its median, from which on a time has two digits and a ~ before it."""


@dataclass(frozen=True)
class Figure:
    """A column of numbers, and in which order it is left out where there is no room."""

    heading: str
    written: Callable[[Cells], str]
    leave_out: int


def _number(column: str, form: str) -> Callable[[Cells], str]:
    return lambda row: "" if row[column] is None else f"{row[column]:{form}}"


def _time(column: str, spread: str) -> Callable[[Cells], str]:
    def written(row: Cells) -> str:
        if (median := row[column]) is None:
            return ""
        is_wide = row[spread] is not None and not row[spread] <= WIDE * median
        return f"~{two_digits(median)}" if is_wide or _is_preempted(row) else f"{median:.4f}"

    return written


def _is_preempted(row: Cells) -> bool:
    return PREEMPTED in (row["timing"] or "").split()


def _speedup(row: Cells) -> str:
    """Write a speedup, with no more digits than its interval leaves."""
    if (value := row["speedup"]) is None:
        return ""
    low, high = row["speedup_low"], row["speedup_high"]
    is_wide = row["noisy"] if low is None or high is None else not high - low <= 2 * WIDE * value
    if is_wide or _is_preempted(row):
        return f"~{two_digits(value)}x"
    return f"{value:.1g}x" if value < 0.1 else f"{value:.2f}x"


def _memory(row: Cells) -> str:
    return "" if row["peak_memory_mb"] is None else two_digits(row["peak_memory_mb"])


def two_digits(value: float) -> str:
    """Write a number rounded to two digits, without an exponent: 0.0051, 2.0, 24, 170."""
    rounded = float(f"{value:.2g}")
    decimals = 1 - math.floor(math.log10(abs(rounded))) if rounded else 0
    return f"{rounded:.{max(0, decimals)}f}"


FIGURES = (
    Figure("max abs error", _number("max_abs_error", ".3g"), 3),
    Figure("error/bound", _number("error_over_bound", ".3g"), 5),
    Figure("manual ms", _time("manual_ms", "manual_iqr_ms"), 6),
    Figure("autograd ms", _time("autograd_ms", "autograd_iqr_ms"), 7),
    Figure("speedup", _speedup, 4),
    Figure("peak MB", _memory, 8),
)


def print_rows(rows: Sequence[Cells], out: Console) -> None:
    """Print one line a row: what, verdict, error, times."""
    points = point_columns(rows)
    print_fitted(
        [
            Shown("experiment", [row["experiment"] for row in rows]),
            Shown("derivation", [row["derivation"] for row in rows], 1),
            Shown("wrt", [row["wrt"] for row in rows]),
            Shown("gradient", [row["gradient_shape"] for row in rows], 9),
            *(Shown(n, ["" if row[n] is None else str(row[n]) for row in rows], 2) for n in points),
            Shown("verdict", [shown(row["verdict"], out) for row in rows]),
            *(Shown(f.heading, [*map(f.written, rows)], f.leave_out, "right") for f in FIGURES),
        ],
        out,
    )


def point_columns(rows: Sequence[Cells]) -> list[str]:
    """Return what tells the points of a sweep apart."""
    of_experiment: dict[str, set[tuple[object, ...]]] = {}
    for row in filter(lambda row: row["key"], rows):
        of_experiment.setdefault(row["experiment"], set()).add(tuple(row[c] for c in POINT))
    return [
        name
        for i, name in enumerate(POINT)
        if any(len({point[i] for point in points}) > 1 for points in of_experiment.values())
    ]
