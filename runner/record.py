"""The row: one fact, one line of the CSV. Columns, their order, types and meaning stand here alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runner.settings import LEVELS
from runner.verdicts import OUTCOMES, STATUSES

SCHEMA_VERSION = 3
"""Of the CSV, whose columns are the same in every report of a version, and of the ledger."""

PREEMPTED = "preempted"
"""What `timing` ends in where other work had the processor again and again while something was timed."""

Kind = type[str] | type[int] | type[float] | type[bool] | type[datetime]


@dataclass(frozen=True)
class Column:
    """A column of the report; a cell of it that was not measured is empty.

    `categories` are all values that a text may have, in their order.
    """

    name: str
    type: Kind
    meaning: str
    unit: str = ""
    categories: tuple[str, ...] = ()


GROUPS: Mapping[str, tuple[Column, ...]] = {
    "the answer": (
        Column("experiment", str, "what was chosen as experiment=, or the formula"),
        Column("derivation", str, "the hand-derived gradient or Jacobian that was judged"),
        Column("wrt", str, "the input by which it differentiates"),
        Column("dtype", str, "dtype of inputs and gradient"),
        Column(
            "verdict", str, "what the gradient is worth; its status where it was not judged", "", OUTCOMES
        ),
        Column("diagnosis", str, "what a wrong gradient looks like"),
        Column("wrong_line", str, "file and line of the derivation where the mistake is"),
        Column("digits_lost_at", str, "file and line that makes more than half of the error"),
    ),
    "what was run": (
        Column("formula", str, "the formula's file in experiments/"),
        Column("gradient_shape", str, "size of the gradient, as 20x5"),
        Column("elements", int, "number of its elements"),
        Column("shape", str, "the experiment's dimensions, as they are typed after shape."),
        Column("params", str, "the hyper-parameters, as they are typed after params."),
        Column("device", str, "where it ran"),
        Column("seed", int, "seed of the inputs"),
        Column("distribution", str, "how inputs were drawn, with scale and offset"),
        Column("upstream", str, "upstream gradient: ones or normal"),
        Column("execution", str, "how the derivation was executed"),
    ),
    "how it was judged": (
        Column(
            "status", str, "completed, or why there is no verdict: unsupported has no kernel", "", STATUSES
        ),
        Column("check", str, "which properties were checked", "", LEVELS),
        Column("judged_in", str, "dtype in which correctness was decided"),
        Column("failed_checks", str, "the properties that do not hold"),
        Column("notes", str, "what is legal but worth knowing"),
        Column("error", str, "what the code raised"),
    ),
    "error": (
        Column("max_abs_error", float, "max |manual - autograd|, in the same dtype"),
        Column("truth_error", float, "max |manual - float64 truth|"),
        Column("bound", float, "the largest truth_error that this dtype excuses"),
        Column("error_over_bound", float, "truth_error / bound: above 1 it is not excused"),
        Column("autograd_truth_error", float, "max |autograd - float64 truth|"),
        Column("error_ratio", float, "truth_error / autograd_truth_error"),
        Column("error_u", float, "truth_error / max |truth|", "unit roundoff of the dtype"),
        Column("ulp_p50", float, "median elementwise error", "ulp of the truth"),
        Column("ulp_p99", float, "99th percentile of the same", "ulp of the truth"),
        Column("rel_l2_error", float, "|manual - truth|_2 / |truth|_2"),
        Column("worst_index", str, "index of the element that is furthest from the truth"),
        Column("manual_at_worst", float, "the manual gradient there"),
        Column("reference_at_worst", float, "the truth there"),
        Column("nonfinite", int, "NaN and Inf where the truth has another value"),
    ),
    "time and memory": (
        Column(
            "timing", str, f"how: quick or precise, caches and heap, settled or budget spent, {PREEMPTED}"
        ),
        Column("blocks", int, "how many blocks of calls each median is of"),
        Column("manual_ms", float, "median time of the derivation for all its inputs together", "ms"),
        Column("manual_iqr_ms", float, "interquartile range of the same", "ms"),
        Column("autograd_ms", float, "median time of autograd's backward for the same inputs", "ms"),
        Column("autograd_iqr_ms", float, "interquartile range of the same", "ms"),
        Column("forward_ms", float, "median time of the forward without a graph", "ms"),
        Column("speedup", float, "median of autograd / manual over the rounds; empty where not right"),
        Column("speedup_low", float, "lower end of its 95 % interval"),
        Column("speedup_high", float, "upper end of the same"),
        Column(
            "noisy", bool, f"whether an interquartile range is over a tenth of its median, or {PREEMPTED}"
        ),
        Column("compile_ms", float, "time of torch.compile, with execution=compile", "ms"),
        Column("peak_memory_mb", float, "peak of what the derivation allocates", "MB"),
        Column("autograd_peak_memory_mb", float, "peak of what autograd's backward allocates", "MB"),
        Column("saved_mb", float, "what forward keeps for the derivation beyond its inputs", "MB"),
        Column("autograd_saved_mb", float, "what it keeps for autograd", "MB"),
        Column("operations", int, "operations on numbers in the derivation, counted"),
        Column("floor_ms", float, "least time of the machine for the bytes and matrix products in it", "ms"),
        Column("floor_by", str, "which of both takes longer: memory or compute"),
        Column("efficiency", float, "floor_ms / manual_ms"),
        Column("autograd_efficiency", float, "floor_ms / autograd_ms"),
    ),
    "provenance": (
        Column("point", str, "hash of the settings: what two reports are joined on, whatever code made them"),
        Column("key", str, "hash of everything that decides the result, the code among it"),
        Column("formula_sha", str, "hash of the code that was judged"),
        Column("started_at", datetime, "when the experiment began", "UTC"),
        Column("torch_version", str, "PyTorch"),
        Column("git_sha", str, "commit of the repository that the formula lies in, behind a g"),
        Column("git_dirty", bool, "whether that repository had changes or files that nobody committed"),
        Column("host", str, "name of the machine"),
        Column("cpu", str, "its processor"),
        Column("gpu", str, "its accelerator"),
        Column("threads", int, "threads that PyTorch used"),
        Column("handgrad_version", str, "handgrad"),
        Column("schema_version", int, "version of these columns"),
    ),
}
"""Every column by its group, in the order of the CSV: what a reviewer asks first stands first."""
COLUMNS = tuple(column for group in GROUPS.values() for column in group)

Cells = Mapping[str, Any]
"""A row, column by column; figures that nobody computes with may be text."""


def spelled(settings: Mapping[str, Any]) -> str:
    """Write settings as they would be typed on the command line: `m=20 layers=[5,9,7]`."""
    return " ".join(f"{name}={_value(value)}" for name, value in settings.items())


def typed(text: str) -> dict[str, str]:
    """Read what `spelled` wrote: each setting's value as text."""
    parts = (part.partition("=") for part in re.split(r" (?=\w+=)", text) if part)
    return {name: value for name, _, value in parts}


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_value, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)
