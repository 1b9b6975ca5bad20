"""The ledger: one append-only file of JSON lines, from which the report is made."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NAME = "ledger.jsonl"


def append(folder: Path, record: Mapping[str, Any]) -> None:
    """Add one record by a single write, which the system does not tear between processes."""
    line = json.dumps(record, separators=(",", ":")) + "\n"
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every record; a last line that a killed process left unfinished is dropped."""
    path = folder / NAME
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)
