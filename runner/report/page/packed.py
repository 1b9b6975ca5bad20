"""The rows as a page holds them: column by column, texts by number, compressed where they are many."""

import base64
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

from runner.record import COLUMNS, Cells

FEW = 20_000  # rows of which every column fits
KEY = (
    "experiment", "derivation", "wrt", "dtype", "verdict", "diagnosis", "formula", "shape", "params",
    "device", "seed", "execution", "failed_checks", "error", "max_abs_error", "error_over_bound", "error_u",
    "manual_ms", "autograd_ms", "speedup", "efficiency", "peak_memory_mb",
)  # fmt: skip
"""The columns of larger reports, to three digits; the CSV has the others and the rest of the digits."""


def packed(rows: Sequence[Cells], commands: Sequence[str], columns: Sequence[str]) -> str:
    """Return the rows as base64 of deflated JSON: `{"columns": [...], "rows": n}`."""
    digits = 6 if len(rows) <= FEW else 3
    wanted = columns if len(rows) <= FEW else [name for name in columns if name in KEY]
    kinds = {column.name: column for column in COLUMNS}
    data = [_column(name, [row[name] for row in rows], kinds[name].meaning, digits) for name in wanted]
    if len(rows) <= FEW:
        data.append(_column("command", commands, "runs the point alone", digits))
    text = json.dumps({"rows": len(rows), "columns": data}, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _column(name: str, cells: Sequence[Any], meaning: str, digits: int) -> dict[str, Any]:
    """Return figures as they are, and anything else as numbers into a list of its values."""
    if all(cell is None or type(cell) in (int, float) for cell in cells):
        values = [_short(cell, digits) for cell in cells]
        return {"name": name, "meaning": meaning, "figures": values}
    texts = ["" if cell is None else str(cell) for cell in cells]
    values_of = dict.fromkeys(texts)
    place = {text: number for number, text in enumerate(values_of)}
    return {"name": name, "meaning": meaning, "texts": [*values_of], "cells": [place[text] for text in texts]}


def _short(cell: float | None, digits: int) -> float | str | None:
    """JSON has neither NaN nor infinity: these are texts."""
    if cell is None or type(cell) is int:
        return cell
    return float(f"{cell:.{digits}g}") if math.isfinite(cell) else str(cell)
