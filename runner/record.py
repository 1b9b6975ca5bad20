"""The row: one fact, one line of the CSV. Columns, their order, types and meaning stand here alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = 3
"""Of ledger and CSV. A ledger of another version is named as such, not misread."""


@dataclass(frozen=True)
class Column:
    """A column of the report; a cell of it that was not measured is empty."""

    name: str
    type: type
    meaning: str


COLUMNS = (
    # what
    Column("experiment", str, "what was chosen as experiment=, or the formula"),
    Column("formula", str, "the formula's file in experiments/"),
    Column("derivation", str, "the hand-derived gradient or Jacobian that was judged"),
    Column("wrt", str, "the input by which it differentiates"),
    Column("gradient_shape", str, "size of the gradient, as 20x5"),
    Column("elements", int, "number of its elements"),
    Column("shape", str, "the experiment's dimensions, as they are typed after shape."),
    Column("params", str, "the hyper-parameters, as they are typed after params."),
    Column("dtype", str, "dtype of inputs and gradient"),
    Column("device", str, "where it ran"),
    Column("seed", int, "seed of the inputs"),
    Column("distribution", str, "how inputs were drawn, with scale and offset"),
    Column("upstream", str, "upstream gradient: ones or normal"),
    Column("execution", str, "how the derivation was executed"),
    # verdict
    Column("status", str, "completed, failed (the code raised), unsupported (no kernel), crashed or timeout"),
    Column(
        "verdict",
        str,
        "exact, correct, unchecked (check=off), inaccurate, suspect_reference, invalid, wrong",
    ),
    Column("check", str, "which properties were checked: off, quick or full"),
    Column("judged_in", str, "dtype in which correctness was decided"),
    Column("failed_checks", str, "the properties that do not hold"),
    Column("notes", str, "what is legal but worth knowing"),
    Column("diagnosis", str, "what a wrong gradient looks like"),
    Column("error", str, "what the code raised"),
    # error
    Column("max_abs_error", float, "max |manual - autograd|, in the same dtype"),
    Column("truth_error", float, "max |manual - float64 truth|"),
    Column("autograd_truth_error", float, "max |autograd - float64 truth|"),
    Column("error_ratio", float, "truth_error / autograd_truth_error"),
    Column("error_u", float, "truth_error / max |truth|, in units of the dtype's unit roundoff"),
    Column("ulp_p50", float, "median elementwise error, in ulp of the truth"),
    Column("ulp_p99", float, "99th percentile of the same"),
    Column("rel_l2_error", float, "|manual - truth|_2 / |truth|_2"),
    Column("bound", float, "the largest truth_error that this dtype excuses"),
    Column("worst_index", str, "index of the element that is furthest from the truth"),
    Column("manual_at_worst", float, "the manual gradient there"),
    Column("reference_at_worst", float, "the truth there"),
    Column("nonfinite", int, "NaN and Inf where the truth has another value"),
    # time
    Column("timing", str, "how: quick or precise, state of caches and heap, settled or budget spent"),
    Column("blocks", int, "how many blocks of calls each median is of"),
    Column(
        "manual_ms",
        float,
        "median time of the derivation for all its inputs together, ms; the same in each of its rows",
    ),
    Column("manual_iqr_ms", float, "interquartile range of the same, ms"),
    Column("autograd_ms", float, "median time of autograd's backward for the same inputs, ms"),
    Column("autograd_iqr_ms", float, "interquartile range of the same, ms"),
    Column("forward_ms", float, "median time of the forward without a graph, ms"),
    Column(
        "speedup", float, "median of autograd / manual over the rounds; empty where the gradient is not right"
    ),
    Column("speedup_low", float, "lower end of its 95 % interval"),
    Column("speedup_high", float, "upper end of the same"),
    Column("noisy", bool, "whether an interquartile range is over a tenth of its median"),
    Column("compile_ms", float, "time of torch.compile, ms; with execution=compile"),
    Column("peak_memory_mb", float, "peak of what the derivation allocates, MB"),
    Column("autograd_peak_memory_mb", float, "peak of what autograd's backward allocates, MB"),
    Column("saved_mb", float, "what forward keeps for the derivation beyond its inputs, MB"),
    Column("autograd_saved_mb", float, "what it keeps for autograd, MB"),
    Column("operations", int, "operations on numbers in the derivation, counted"),
    Column("floor_ms", float, "least time of the machine for the bytes and matrix products in it, ms"),
    Column("floor_by", str, "which of both takes longer: memory or compute"),
    Column("efficiency", float, "floor_ms / manual_ms"),
    Column("autograd_efficiency", float, "floor_ms / autograd_ms"),
    # provenance
    Column("point", str, "hash of the settings: what two reports are joined on, whatever code made them"),
    Column("key", str, "hash of everything that decides the result, the code among it"),
    Column("formula_sha", str, "hash of the code that was judged"),
    Column("started_at", str, "when the experiment began, UTC"),
    Column("torch_version", str, "PyTorch"),
    Column("git_sha", str, "commit of the repository that the formula lies in, behind a g"),
    Column("git_dirty", bool, "whether that repository had changes or files that nobody committed"),
    Column("host", str, "name of the machine"),
    Column("cpu", str, "its processor"),
    Column("gpu", str, "its accelerator"),
    Column("threads", int, "threads that PyTorch used"),
    Column("handgrad_version", str, "handgrad"),
)

Cells = Mapping[str, Any]
"""A row, column by column; figures that nobody computes with may be text."""


def spelled(settings: Mapping[str, Any]) -> str:
    """Write settings as they would be typed on the command line: `m=20 layers=[5,9,7]`."""
    return " ".join(f"{name}={_value(value)}" for name, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_value, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)
