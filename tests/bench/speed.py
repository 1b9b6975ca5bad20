"""Every formula beside autograd's backward, eager and compiled, at its own size and at 2^22 elements.

Of each formula the best derivation and mode counts; one thread; `timing=quick`. And those that memory rules
under torch.compile at 2^24 elements, beside the machine's own limit.
"""

import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from runner.environment import ROOT
from runner.formula import lookup, names
from runner.report import csv
from tests.registry import specification

LARGE, LARGEST = 2**22, 2**24
BY_MEMORY = ("mse", "relu", "sigmoid", "tanh", "layer_norm", "softmax", "cross_entropy", "dropout")
FACTORS = (
    2,
    3,
    4,
    6,
    8,
    12,
    16,
    24,
    32,
    48,
    64,
    96,
    128,
    256,
    512,
    1024,
    4096,
    2**14,
    2**16,
    2**18,
    2**20,
    2**22,
)


def measure() -> pd.DataFrame:
    """Return a row for each formula and size: the best derivation, and how it compares."""
    rows: list[dict[str, Any]] = []
    for name in names():
        if lookup(name).example is None:
            continue
        for elements in (0, LARGE, *((LARGEST,) if name in BY_MEMORY else ())):
            rows.append(_best(name, elements))
            print(rows[-1], file=sys.stderr)
    return pd.DataFrame(rows)


def _best(name: str, elements: int) -> dict[str, Any]:
    factor = _factor(name, elements)
    table = _run(name, factor)
    timed = table[table["speedup"].notna()].drop_duplicates(["derivation", "execution"])
    row: dict[str, Any] = {
        "formula": name,
        "elements": f"2^{round(math.log2(elements))}" if elements else "own",
    }
    if timed.empty:
        return {**row, "why": str(table["error"].iloc[0])[:60]}
    best = timed.sort_values("speedup").iloc[-1]
    figures = ("manual_ms", "autograd_ms", "speedup", "speedup_low", "efficiency", "autograd_efficiency")
    return {
        **row,
        "shape": best["shape"], "derivation": best["derivation"], "execution": best["execution"],
        **{figure: best[figure] for figure in figures},
    }  # fmt: skip


def _factor(name: str, elements: int) -> int:
    """Return the factor by which all dimensions grow so that the inputs have about so many elements."""
    if not elements:
        return 1
    return min(FACTORS, key=lambda factor: abs(math.log(_size(name, factor) / elements)))


def _size(name: str, factor: int) -> int:
    spec, formula = specification(name), lookup(name)
    shape = {n: _times(size, factor) for n, size in spec.shape.items()}
    return sum(math.prod(size) for size in formula.sizes(shape, spec.params).values())


def _times(size: Any, factor: int) -> Any:
    return [one * factor for one in size] if isinstance(size, list) else size * factor


def _run(name: str, factor: int) -> pd.DataFrame:
    settings = ["check=off", "timing=quick", "threads=1", "workers=1", "limits.timeout_s=120", "quiet=true"]
    chosen = [f"experiment={name}", f"enlarge={factor}", "execution=eager,compile"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "runner", "-m", *chosen, *settings, f"hydra.sweep.dir={folder}"]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        return csv.read(Path(folder) / csv.NAME)
