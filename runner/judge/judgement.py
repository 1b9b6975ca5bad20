"""A judgement: what is known of one gradient, as data. Sentences are made of it when a report is made."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from runner.compare import Errors
from runner.diagnose import Statement
from runner.formula.edge import Shape
from runner.formula.kind import KindName
from runner.verdicts import Status, Verdict


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one look at a property showed: of the gradient by one input, or of all where `wrt` is empty.

    `ratio` is the error over its bound. `broken` says what does not hold, and `verdict` what that makes of
    the gradient: nothing where it is legal but worth knowing. `compared` with a truth, a gradient that is
    wrong at its own point fails everywhere, which tells nothing more. `uncompared` counts the elements
    that were left out, as their truth is not finite.
    """

    check: str
    wrt: str = ""
    condition: str = ""
    shape: Shape | None = None
    ratio: float | None = None
    broken: Statement | None = None
    verdict: Verdict | None = "invalid"
    compared: bool = False
    uncompared: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing was found that counts against the gradient."""
        return self.broken is None or self.verdict is None


@dataclass(frozen=True)
class Checked:
    """The trace of a property that was looked at: on how many samples, and how near to its bound it came."""

    check: str
    samples: int
    failed: int
    closest: float | None


@dataclass(frozen=True, kw_only=True)
class Times:
    """What the clock found of a derivation, for all its gradients together; under the names of the columns.

    Medians and interquartile ranges in milliseconds, memory in megabytes. The `..._blocks_ms` are what the
    medians are of, round by round: a comparison of two reports needs them.
    """

    timing: str
    blocks: int
    manual_ms: float
    manual_iqr_ms: float
    autograd_ms: float
    autograd_iqr_ms: float
    forward_ms: float
    speedup: float
    speedup_low: float
    speedup_high: float
    noisy: bool = False
    compile_ms: float | None = None
    peak_memory_mb: float
    autograd_peak_memory_mb: float
    saved_mb: float
    autograd_saved_mb: float
    operations: int
    floor_ms: float
    floor_by: str
    efficiency: float
    autograd_efficiency: float
    manual_blocks_ms: tuple[float, ...] = ()
    autograd_blocks_ms: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a derivation's gradient by one input is worth.

    `size` is the gradient's; `judged_in` the dtype in which correctness was decided; `errors` those
    against the float64 truth, `max_abs_error` the one against autograd in the same dtype, `bound` the
    largest that is excused; `wrong_line` the file and line of the mistake, `digits_lost_at` that where most
    digits go, `listing` the source with what each line is, as data; `error` what the code raised.
    """

    derivation: str = ""
    kind: KindName = "gradient"
    wrt: str = ""
    size: tuple[int, ...] | None = None
    status: Status = "completed"
    verdict: Verdict | None = None
    judged_in: str = ""
    max_abs_error: float | None = None
    errors: Errors | None = None
    autograd_truth_error: float | None = None
    bound: float | None = None
    failed: tuple[str, ...] = ()
    findings: tuple[Outcome, ...] = ()
    checked: tuple[Checked, ...] = ()
    notes: tuple[Statement, ...] = ()
    diagnosis: tuple[Statement, ...] = ()
    wrong_line: str = ""
    digits_lost_at: str = ""
    listing: Mapping[str, Any] | None = None
    times: Times | None = None
    error: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return what JSON can hold, without what is empty."""
        return _fields(self)


def _plain(value: Any) -> Any:
    if value is None or type(value) in (str, float, int, bool):
        return value
    if isinstance(value, Statement):
        return value.as_data()
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return _fields(value)


def _fields(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their default."""
    parts = ((name, default, getattr(value, name)) for name, default in _defaults(value.__class__))
    return {name: _plain(part) for name, default, part in parts if part != default}


@cache
def _defaults(kind: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.default) for field in dataclasses.fields(kind))
