"""Where a file is written that others may read: beside its place, and moved there when it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Give a file to write in; a reader of its place sees the old one or the whole new one."""
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
