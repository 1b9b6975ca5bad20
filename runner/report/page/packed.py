"""The rows as a page holds them: column by column, texts by number, compressed where they are many."""

import base64
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

from runner.record import Cells, Column

FEW = 20_000
"""Rows whose figures have six digits; those of more have four, as many as the table shows."""
LEVEL = 6  # a page of the last three levels is 1 % smaller, and takes three times as long


def packed(rows: Sequence[Cells], columns: Sequence[Column]) -> str:
    """Return the rows as base64 of deflated JSON: `{"columns": [...], "rows": n}`."""
    digits = 6 if len(rows) <= FEW else 4
    data = ",".join(_column(column, [row[column.name] for row in rows], digits) for column in columns)
    text = f'{{"rows":{len(rows)},"columns":[{data}]}}'
    return base64.b64encode(zlib.compress(text.encode(), LEVEL)).decode()


def _column(column: Column, cells: Sequence[Any], digits: int) -> str:
    """Return figures as they are, and anything else as numbers into a list of its values."""
    about = json.dumps({"name": column.name, "meaning": column.meaning})[:-1]
    if {*map(type, cells)} <= {int, float, type(None)}:
        form = f".{digits}g"
        return f'{about},"figures":[{",".join([_short(cell, form) for cell in cells])}]}}'
    texts = ["" if cell is None else str(cell) for cell in cells]
    place = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    numbers = ",".join([str(place[text]) for text in texts])
    return f'{about},"texts":{json.dumps([*place])},"cells":[{numbers}]}}'


def _short(cell: float | None, form: str) -> str:
    """JSON has neither NaN nor infinity: these are texts."""
    if cell is None:
        return "null"
    if type(cell) is int:
        return str(cell)
    return format(cell, form) if math.isfinite(cell) else f'"{cell}"'
