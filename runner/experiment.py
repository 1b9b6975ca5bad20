"""Run one experiment: a specification in, rows out. No Hydra, no disk, no globals left behind."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor

from runner import compare, manual, reference, timing
from runner.environment import environment
from runner.errors import FormulaError, reason
from runner.inputs import Case, seeded
from runner.record import Row, columns, spelled
from runner.spec import Spec, draw


@dataclass(frozen=True)
class Found:
    """What a derivation gives: in the experiment's dtype, and in float64."""

    here: Mapping[str, Tensor]
    float64: Mapping[str, Tensor]


@dataclass(frozen=True)
class Expected:
    """What autograd says: in the experiment's dtype; in float64, the truth; and that truth's own noise."""

    here: Mapping[str, Tensor]
    truth: Mapping[str, Tensor]
    floor: Mapping[str, float]


def run(spec: Spec) -> list[Row]:
    """Judge and time every derivation of a specification; one row for each input that it differentiates.

    What the formula's code raises becomes a row of status `failed`; nothing it raises gets out.
    """
    common = _common(spec)
    with seeded(spec.seed):
        try:
            case = draw(spec)
            expected = {kind: _expected(case, kind) for kind in _kinds(case, spec)}
        except Exception as error:  # whatever a formula raises is its result
            return [_failed(common, name, error) for name in spec.derivations]
        rows: list[Row] = []
        for name in spec.derivations:
            kind = "jacobian" if name in case.formula.jacobians else "gradient"
            rows += _judged(spec, case, name, expected[kind], common)
        return rows + _uncovered(spec, case, rows, common)


def _kinds(case: Case, spec: Spec) -> set[str]:
    return {"jacobian" if name in case.formula.jacobians else "gradient" for name in spec.derivations}


def _expected(case: Case, kind: str) -> Expected:
    """Return what autograd says, of gradients or of full Jacobians."""
    exact = reference.in_float64(case)
    differentiate = reference.jacobians if kind == "jacobian" else reference.plain_autograd
    here = reference.jacobians(case) if kind == "jacobian" else reference.autograd(case)
    truth = differentiate(exact)
    return Expected(here, truth, reference.rounding_floor(exact, truth, differentiate))


def _judged(spec: Spec, case: Case, name: str, expected: Expected, common: dict[str, Any]) -> list[Row]:
    """Run one derivation in both precisions, and give a verdict on each gradient."""
    try:
        here = manual.gradients(case, name)
        float64 = manual.gradients(reference.in_float64(case), name)
    except Exception as error:  # whatever a derivation raises is its result
        return [_failed(common, name, error)]
    found = Found(here, float64)
    rows = [_row(case, name, wrt, found, expected, common) for wrt in found.here]
    if spec.timing.rounds and name in case.formula.gradients:
        _time(spec, case, name, rows)
    return rows


def _row(case: Case, name: str, wrt: str, found: Found, expected: Expected, common: dict[str, Any]) -> Row:
    gradient, target, truth = found.here[wrt], expected.here[wrt], expected.truth[wrt]
    row = Row(
        **common,
        derivation=name,
        wrt=wrt,
        gradient_shape="x".join(map(str, gradient.shape)) or "scalar",
    )
    if broken := _mismatch(gradient, target):
        row.failed_checks, row.diagnosis = broken
        row.verdict = "invalid"
        return row
    upstream = max(compare.magnitude(value) for value in case.upstream.values())
    correct = compare.correctness_bound(truth, expected.floor[wrt], upstream)
    autograd_error = compare.max_abs_error(target, truth)
    errors = compare.measure(gradient, truth)
    bound = compare.accuracy_bound(truth, gradient.dtype, _terms(case), autograd_error)
    if gradient.dtype == truth.dtype:  # the truth is no better than the gradient, and has its own noise
        bound = max(bound, correct)
    row.max_abs_error = compare.max_abs_error(gradient, target)
    row.truth_error = errors.max_abs
    row.autograd_truth_error = autograd_error
    row.error_ratio = errors.max_abs / autograd_error if autograd_error else None
    row.error_u = errors.in_u
    row.ulp_p50, row.ulp_p99 = errors.ulp_p50, errors.ulp_p99
    row.rel_l2_error = errors.rel_l2
    row.bound = bound
    row.worst_index = spelled({"": list(errors.worst_index)})[1:]
    row.manual_at_worst, row.reference_at_worst = errors.at_worst, errors.reference_at_worst
    row.nonfinite = errors.nonfinite
    if not _right_in_float64(found.float64[wrt], truth, correct):
        row.verdict = "wrong"
    elif compare.identical_bits(gradient, target):
        row.verdict = "exact"
    else:
        row.verdict = "correct" if errors.max_abs <= bound else "inaccurate"
    return row


def _mismatch(gradient: Tensor, target: Tensor) -> tuple[str, str] | None:
    """Compare shape, dtype and device before values: broadcasting must not rescue a wrong gradient."""
    for what in ("shape", "dtype", "device"):
        received, right = getattr(gradient, what), getattr(target, what)
        if received != right:
            received, right = (tuple(received), tuple(right)) if what == "shape" else (received, right)
            return what, f"the gradient's {what} is {received}; that of the input is {right}"
    return None


def _right_in_float64(gradient: Tensor, truth: Tensor, bound: float) -> bool:
    return gradient.shape == truth.shape and compare.max_abs_error(gradient, truth) <= bound


def _terms(case: Case) -> int:
    """Return no fewer terms than any sum in the gradient has: every number that goes in."""
    return sum(t.numel() for t in (*case.inputs.values(), *case.upstream.values())) or 1


def _time(spec: Spec, case: Case, name: str, rows: list[Row]) -> None:
    graph = reference.Graph.record(case)
    times = timing.clock(case, name, [row.wrt for row in rows], graph, spec.timing)
    for row in rows:
        for column, value in dataclasses.asdict(times).items():
            setattr(row, column, value)
        if compare.worst(row.verdict, "inaccurate") != "inaccurate":
            row.speedup = None


def _uncovered(spec: Spec, case: Case, rows: list[Row], common: dict[str, Any]) -> list[Row]:
    """Report the inputs that no derivation differentiates, where all were asked to."""
    formula = case.formula
    if {*formula.gradients} - {*spec.derivations} or any(row.status != "completed" for row in rows):
        return []
    covered = {row.wrt for row in rows}
    return [
        _failed(
            {**common, "wrt": wrt},
            "",
            FormulaError(
                f"no derivation gives the gradient of {wrt}; {', '.join(formula.gradients)} "
                f"give {', '.join(sorted(covered)) or 'none'}"
            ),
        )
        for wrt in case.differentiable
        if wrt not in covered
    ]


def _failed(common: dict[str, Any], derivation: str, error: Exception) -> Row:
    return Row(**common, derivation=derivation, status="failed", error=reason(error))


def refused(experiment: str, formula: str, error: Exception) -> Row:
    """Return the row of a point that its formula does not allow."""
    return Row(experiment=experiment, formula=formula, status="failed", error=str(error))


def _common(spec: Spec) -> dict[str, Any]:
    """Return the columns that all rows of an experiment share."""
    provenance = {name: value for name, value in environment().items() if name in columns()}
    return provenance | {
        "experiment": spec.experiment,
        "formula": spec.formula,
        "shape": spelled(spec.shape),
        "params": spelled(spec.params),
        "dtype": spec.dtype,
        "device": spec.device,
        "seed": spec.seed,
        "distribution": _distribution(spec),
        "upstream": spec.upstream,
        "key": spec.key,
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "threads": torch.get_num_threads(),
    }


def _distribution(spec: Spec) -> str:
    settings = spec.inputs
    scale = f"*{settings.scale:g}" if settings.scale != 1 else ""
    offset = f"{settings.offset:+g}" if settings.offset else ""
    return f"{settings.distribution}{scale}{offset}"
