"""How time, memory and operations grow with one dimension alone, beside what the mathematics says.

Sizes are such that all of them are in one place: what is read lies in the cache that cores share, what is
written goes to memory. Time that crosses from one to the other grows faster than the count of numbers.
One thread, `timing=quick`.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from runner.environment import ROOT

SETTINGS = ("check=off", "timing=quick", "threads=1", "workers=1", "quiet=true", "enlarge=1,2,4,8")
COSTS = {"time": "time_growth", "autograd": "autograd_time_growth",
         "memory": "memory_growth", "operations": "operations_growth"}  # fmt: skip


class Grown(NamedTuple):
    """A derivation at its smallest shape, and the exponent that each dimension is due."""

    experiment: str
    derivation: str
    shape: tuple[str, ...]
    due: dict[str, int]


GROWN = (
    Grown("matvec", "outer_product", ("shape.m=2048", "shape.n=4096"), {"m": 1, "n": 1}),  # writes 32 MB on
    Grown("outer", "products", ("shape.m=1024", "shape.n=2048"), {"m": 1, "n": 1}),  # reads 8 to 64 MB
    Grown("matvec", "jacobian", ("shape.m=64", "shape.n=64"), {"m": 2}),  # writes m m n numbers: 1 to 64 MB
    Grown("matvec", "jacobian", ("shape.m=512", "shape.n=64"), {"n": 1}),  # 64 to 512 MB
)


def measure() -> pd.DataFrame:
    """Return a row for each derivation and dimension: the exponents with their ranges, and what is due."""
    rows: list[dict[str, Any]] = []
    for one in GROWN:
        for row in _exponents(one):
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def _exponents(one: Grown) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        chosen = [f"experiment={one.experiment}", f"derivation={one.derivation}", *one.shape]
        grid = [f"alone={','.join(one.due)}", f"hydra.sweep.dir={folder}"]
        command = [sys.executable, "-m", "runner", "-m", *chosen, *grid, *SETTINGS]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        (summary,) = pd.read_csv(Path(folder) / "summary.csv").to_dict("records")
    found = {cost: dict(re.findall(r"(\w+)=(\S+)", str(summary[column]))) for cost, column in COSTS.items()}
    for dimension, due in one.due.items():
        row = {"experiment": one.experiment, "derivation": one.derivation, "dimension": dimension, "due": due}
        yield {**row, **{cost: exponents.get(dimension, "") for cost, exponents in found.items()}}


if __name__ == "__main__":
    print(measure().to_string(index=False))
