"""How time, memory and operations grow with one dimension alone, beside what the mathematics says.

Sizes are beyond the caches: within them time grows with where the numbers lie. One thread, `timing=quick`,
up to 2 GB.
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

SETTINGS = ("check=off", "timing=quick", "threads=1", "workers=1", "quiet=true")
COSTS = {"time": "time_growth", "autograd": "autograd_time_growth",
         "memory": "memory_growth", "operations": "operations_growth"}  # fmt: skip


class Grown(NamedTuple):
    """A derivation at its smallest shape, and the exponent that each dimension is due."""

    experiment: str
    derivation: str
    shape: tuple[str, ...]
    due: dict[str, int]
    factors: str = "1,2,4,8"


GROWN = (
    Grown("matvec", "outer_product", ("shape.m=4096", "shape.n=8192"), {"m": 1, "n": 1}),  # from 128 MB on
    Grown("outer", "products", ("shape.m=4096", "shape.n=8192"), {"m": 1, "n": 1}),
    Grown("matvec", "jacobian", ("shape.m=512", "shape.n=128"), {"m": 2}, "1,2,3,4"),  # m m n numbers: 128 MB
    Grown("matvec", "jacobian", ("shape.m=512", "shape.n=128"), {"n": 1}),
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
        grid = [f"alone={','.join(one.due)}", f"enlarge={one.factors}", f"hydra.sweep.dir={folder}"]
        command = [sys.executable, "-m", "runner", "-m", *chosen, *grid, *SETTINGS]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        (summary,) = pd.read_csv(Path(folder) / "summary.csv").to_dict("records")
    found = {cost: dict(re.findall(r"(\w+)=(\S+)", str(summary[column]))) for cost, column in COSTS.items()}
    for dimension, due in one.due.items():
        row = {"experiment": one.experiment, "derivation": one.derivation, "dimension": dimension, "due": due}
        yield {**row, **{cost: exponents.get(dimension, "") for cost, exponents in found.items()}}


if __name__ == "__main__":
    print(measure().to_string(index=False))
