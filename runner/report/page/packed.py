"""The rows as a page holds them: column by column, texts by number, compressed where they are many."""

import base64
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

from runner.record import Cells, Column

FEW = 20_000  # rows whose figures have six digits


def packed(rows: Sequence[Cells], columns: Sequence[Column]) -> str:
    """Return the rows as base64 of deflated JSON: `{"columns": [...], "rows": n}`."""
    digits = 6 if len(rows) <= FEW else 3
    data = [_column(column, [row[column.name] for row in rows], digits) for column in columns]
    text = json.dumps({"rows": len(rows), "columns": data}, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _column(column: Column, cells: Sequence[Any], digits: int) -> dict[str, Any]:
    """Return figures as they are, and anything else as numbers into a list of its values."""
    about = {"name": column.name, "meaning": column.meaning}
    if all(cell is None or type(cell) in (int, float) for cell in cells):
        return {**about, "figures": [_short(cell, digits) for cell in cells]}
    texts = ["" if cell is None else str(cell) for cell in cells]
    place = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return {**about, "texts": [*place], "cells": [place[text] for text in texts]}


def _short(cell: float | None, digits: int) -> float | str | None:
    """JSON has neither NaN nor infinity: these are texts."""
    if cell is None or type(cell) is int:
        return cell
    return float(f"{cell:.{digits}g}") if math.isfinite(cell) else str(cell)
