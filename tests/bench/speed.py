"""Every formula beside autograd's backward, eager and compiled, at its own size and at some 2^22 elements.

Of each formula the best derivation and mode counts; what is slower than autograd as it is written, is
compiled. One thread, `timing=quick`. And those that memory rules under torch.compile at 2^24 elements, beside
the machine's own limit: `efficiency` is the limit over the time.
"""

import math
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from runner.environment import ROOT
from runner.formula import lookup, names
from runner.report import csv
from tests.registry import specification

LARGE, LARGEST = 2**22, 2**24
BY_MEMORY = ("mse", "relu", "sigmoid", "tanh", "layer_norm", "softmax", "cross_entropy", "dropout")
AT_LARGE = {
    "cholesky": ["shape.n=256"],
    "conv2d": ["shape.N=8", "shape.C=32", "shape.O=32", "shape.image=[128,128]", "shape.kernel=[3,3]"],
    "scaled_dot_product_attention": [
        "shape.batch=[2,8]", "shape.T=512", "shape.S=512", "shape.d=64", "shape.e=64",
    ],
}  # fmt: skip
"""Where all dimensions enlarged alike are a shape that nobody has."""
FIGURES = ("manual_ms", "autograd_ms", "speedup", "speedup_low", "efficiency", "autograd_efficiency")
SETTINGS = ("check=off", "timing=quick", "threads=1", "workers=1", "limits.timeout_s=120", "quiet=true")


def measure(chosen: Iterable[str] = ()) -> pd.DataFrame:
    """Return a row for each formula and size: the best derivation, and how it compares."""
    rows: list[dict[str, Any]] = []
    for name in chosen or names():
        for elements in (0, LARGE, *((LARGEST,) if name in BY_MEMORY else ())):
            rows.append(_best(name, elements))
            print(rows[-1], file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def _best(name: str, elements: int) -> dict[str, Any]:
    row: dict[str, Any] = {"formula": name, "size": f"2^{math.log2(elements):.0f}" if elements else "own"}
    shape = _shape(name, elements)
    timed = _run(name, "compile" if elements == LARGEST else "eager", shape)
    if elements != LARGEST and not bool((timed["speedup"] >= 1).any()):
        timed = pd.concat([timed, _run(name, "compile", shape)])
    judged = timed[timed["speedup"].notna()]
    if judged.empty:
        return {**row, "derivation": " ".join(timed["error"].astype(str))[:60]}
    best = judged.sort_values("speedup").iloc[-1]
    found = {name: best[name] for name in ("shape", "derivation", "execution")}
    return {**row, **found, **{figure: float(best[figure]) for figure in FIGURES}}


def _shape(name: str, elements: int) -> list[str]:
    """Return the shape at which the inputs have about so many elements."""
    if elements == LARGE and name in AT_LARGE:
        return AT_LARGE[name]
    factors = range(1, 2**11) if elements else [1]
    if elements and len(lookup(name).dimensions) == 1:
        factors = range(2**17, LARGEST, 2**17)  # a vector
    best = min(factors, key=lambda factor: abs(math.log(_size(name, factor) / max(elements, 1))))
    return [f"enlarge={best}"]


def _size(name: str, factor: int) -> int:
    spec, formula = specification(name), lookup(name)
    shape = {n: _times(size, factor) for n, size in spec.shape.items()}
    return sum(math.prod(size) for size in formula.sizes(shape, spec.params).values())


def _times(size: Any, factor: int) -> Any:
    return [one * factor for one in size] if isinstance(size, list) else size * factor


def _run(name: str, execution: str, shape: list[str]) -> pd.DataFrame:
    """Return the first row of each derivation, as times are of all its gradients together."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = [f"experiment={name}", *shape, f"execution={execution}", f"hydra.sweep.dir={folder}"]
        command = [sys.executable, "-m", "runner", "-m", *chosen, *SETTINGS]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        return csv.read(Path(folder) / csv.NAME).drop_duplicates("derivation")


if __name__ == "__main__":
    print(measure(sys.argv[1:]).to_string(index=False))
