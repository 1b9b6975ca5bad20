"""Makes the rows of the report from the ledger's records: the one place where data becomes cells and text."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from runner.diagnose import sentence
from runner.errors import printable
from runner.record import COLUMNS, SCHEMA_VERSION, spelled
from runner.verdicts import RIGHT

Data = Mapping[str, Any]
Row = dict[str, Any]

EMPTY: Row = {column.name: "" if column.type in (str, datetime) else None for column in COLUMNS}
ERRORS = {
    "max_abs": "truth_error",
    "in_u": "error_u",
    "ulp_p50": "ulp_p50",
    "ulp_p99": "ulp_p99",
    "rel_l2": "rel_l2_error",
    "at_worst": "manual_at_worst",
    "reference_at_worst": "reference_at_worst",
    "nonfinite": "nonfinite",
}
"""Columns, by what a judgement calls their figures."""
AS_THEY_ARE = (
    "derivation", "wrt", "status", "verdict", "judged_in", "error", "max_abs_error", "autograd_truth_error",
    "bound", "wrong_line", "digits_lost_at",
)  # fmt: skip
TEXTS = tuple(column.name for column in COLUMNS if column.type is str)
OWN = ("derivation", "wrt", "judged_in", "failed_checks", "notes", "diagnosis", "error")
"""Texts that differ from row to row of a point, and are not handgrad's own."""
LONGEST_CELL = 4000
FLOATS = tuple(column.name for column in COLUMNS if column.type is float)


def rows(record: Data) -> list[Row]:
    """Return a row for each judgement of a finished record; figures that were left as text stay text."""
    shared = _shown(_shared(record), TEXTS)
    return [_shown(_row(shared, judgement), OWN) for judgement in record.get("judgements", ())]


def _shown(cells: Row, texts: Iterable[str]) -> Row:
    """Escape in place what a terminal or a file would not show as it is, and cut what fills a screen."""
    for name in texts:
        text = cells[name]
        if text and (len(text) > LONGEST_CELL or not text.isprintable()):
            cells[name] = printable(text, LONGEST_CELL)
    return cells


def _shared(record: Data) -> Row:
    """Return what all rows of a point have in common."""
    settings = record.get("settings", {})
    return {
        **EMPTY,
        "execution": "eager",  # the only one before version 3
        **settings,
        "shape": spelled(settings.get("shape", {})),
        "params": spelled(settings.get("params", {})),
        "point": record.get("point", ""),
        "key": record.get("key", ""),
        "started_at": record.get("started_at", ""),
        **record.get("provenance", {}),
        "status": "completed",
        "schema_version": SCHEMA_VERSION,
    }


def _row(shared: Row, judgement: Data) -> Row:
    cells = dict(shared)
    for name in AS_THEY_ARE:
        if name in judgement:
            cells[name] = judgement[name]
    cells["verdict"] = cells["verdict"] or cells["status"]
    if (size := judgement.get("size")) is not None:
        cells["gradient_shape"] = "x".join(map(str, size)) or "scalar"
        cells["elements"] = math.prod(size)
    if errors := judgement.get("errors"):
        _errors(cells, errors)
    if times := judgement.get("times"):
        _times(cells, times)
    cells["failed_checks"] = " ".join(judgement.get("failed", ()))
    cells["notes"] = _sentences(judgement.get("notes", ()))
    cells["diagnosis"] = _sentences(judgement.get("diagnosis", ()))
    return cells


def _errors(cells: Row, errors: Data) -> None:
    for name, column in ERRORS.items():
        cells[column] = errors[name]
    cells["worst_index"] = f"[{','.join(map(str, errors['worst_index']))}]"
    error = float(errors["max_abs"])
    if cells["bound"] is not None:
        cells["error_over_bound"] = _three_digits(over(error, float(cells["bound"])))
    if of_autograd := float(cells["autograd_truth_error"]):
        cells["error_ratio"] = error / of_autograd


def _times(cells: Row, times: Data) -> None:
    """Copy what the clock found; nobody needs to know how fast a wrong gradient is beside a right one."""
    is_right = cells["verdict"] in RIGHT
    cells["noisy"] = False
    for name, value in times.items():
        if name in cells and (is_right or not name.startswith("speedup")):
            cells[name] = value
    if is_right and "speedup" not in times:  # as before version 3
        cells["speedup"] = _three_digits(float(times["autograd_ms"]) / float(times["manual_ms"]))


def over(error: float, bound: float) -> float:
    """Return error / bound; NaN stays NaN, and where nothing is excused any error is infinitely large."""
    if bound:
        return error / bound
    return error if error != error else (math.inf if error else 0.0)


def _three_digits(value: float) -> float:
    return float(f"{value:.3g}")


def _sentences(statements: Iterable[Data]) -> str:
    return "; ".join(dict.fromkeys(map(sentence, statements)))


def numeric(row: Data) -> Row:
    """Return a row whose figures are numbers, where they were left as text."""
    return {**row, **{name: float(row[name]) for name in FLOATS if isinstance(row[name], str)}}
