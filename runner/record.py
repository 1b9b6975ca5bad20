"""The row: one fact, one line of the CSV. Columns, their order and their types follow from this class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any


def _column(doc: str, default: Any = None) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(kw_only=True)
class Row:
    """One derivation's gradient by one input, at one point of a sweep. None is an empty cell."""

    # what
    experiment: str = _column("what was chosen as experiment=, or the formula", "")
    formula: str = _column("the formula's file in experiments/", "")
    derivation: str = _column("the hand-derived gradient or Jacobian that was judged", "")
    wrt: str = _column("the input by which it differentiates", "")
    gradient_shape: str = _column("size of the gradient, as 20x5", "")
    shape: str = _column("the experiment's dimensions, as they are typed after shape.", "")
    params: str = _column("the hyper-parameters, as they are typed after params.", "")
    dtype: str = _column("dtype of inputs and gradient", "")
    device: str = _column("where it ran", "")
    seed: int | None = _column("seed of the inputs")
    distribution: str = _column("how inputs were drawn, with scale and offset", "")
    upstream: str = _column("upstream gradient: ones or normal", "")
    execution: str = _column("how the derivation was executed", "eager")
    # verdict
    status: str = _column("completed, failed (the code raised), crashed or timeout", "completed")
    verdict: str = _column("exact, correct, inaccurate, suspect_reference, invalid or wrong", "")
    failed_checks: str = _column("the properties that do not hold", "")
    notes: str = _column("what is legal but worth knowing", "")
    diagnosis: str = _column("what a wrong gradient looks like", "")
    error: str = _column("what the code raised", "")
    # error
    max_abs_error: float | None = _column("max |manual - autograd|, in the same dtype")
    truth_error: float | None = _column("max |manual - float64 truth|")
    autograd_truth_error: float | None = _column("max |autograd - float64 truth|")
    error_ratio: float | None = _column("truth_error / autograd_truth_error")
    error_u: float | None = _column("truth_error / max |truth|, in units of the dtype's unit roundoff")
    ulp_p50: float | None = _column("median elementwise error, in ulp of the truth")
    ulp_p99: float | None = _column("99th percentile of the same")
    rel_l2_error: float | None = _column("|manual - truth|_2 / |truth|_2")
    bound: float | None = _column("the largest truth_error that this dtype excuses")
    worst_index: str = _column("index of the element that is furthest from the truth", "")
    manual_at_worst: float | None = _column("the manual gradient there")
    reference_at_worst: float | None = _column("the truth there")
    nonfinite: int | None = _column("NaN and Inf where the truth has another value")
    # time
    manual_ms: float | None = _column("median time of the derivation, all its inputs together, ms")
    manual_iqr_ms: float | None = _column("interquartile range of the same, ms")
    autograd_ms: float | None = _column("median time of autograd's backward for the same inputs, ms")
    autograd_iqr_ms: float | None = _column("interquartile range of the same, ms")
    forward_ms: float | None = _column("median time of the forward without a graph, ms")
    speedup: float | None = _column("autograd_ms / manual_ms; empty where the gradient is not right")
    peak_memory_mb: float | None = _column("peak memory of the derivation, MB")
    floor_ms: float | None = _column("lower bound on the time, ms")
    efficiency: float | None = _column("floor_ms / manual_ms")
    # provenance
    key: str = _column("hash of everything that decides the result", "")
    started_at: str = _column("when the experiment began, UTC", "")
    torch_version: str = _column("PyTorch", "")
    git_sha: str = _column("commit of the checkout", "")
    git_dirty: bool | None = _column("whether the checkout had uncommitted changes")
    host: str = _column("name of the machine", "")
    cpu: str = _column("its processor", "")
    gpu: str = _column("its accelerator", "")
    threads: int | None = _column("threads that PyTorch used")
    handgrad_version: str = _column("handgrad", "")


Cells = Mapping[str, Any]
"""A row as plain data, column by column; figures that nobody computes with may be text."""


@cache
def columns() -> dict[str, str]:
    """Return each column's type (str, int, float, bool), in order."""
    return {name: str(kind).partition(" ")[0] for name, kind in Row.__annotations__.items()}


def from_cells(cells: Mapping[str, Any]) -> Row:
    """Read a row back from its cells, whose figures may still be text."""
    row = Row(**cells)
    for name, kind in columns().items():
        if kind == "float" and isinstance(written := getattr(row, name), str):
            setattr(row, name, float(written))
    return row


def spelled(settings: Mapping[str, Any]) -> str:
    """Write settings as they would be typed on the command line: `m=20 layers=[5,9,7]`."""
    return " ".join(f"{name}={_value(value)}" for name, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_value, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)
