"""Run one experiment: a specification in, rows out. No Hydra, no disk, no globals left behind."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import torch

from runner import compare
from runner.case.case import Case
from runner.case.inputs import seeded
from runner.case.spec import Spec, draw
from runner.checks import Subject, examine
from runner.clock import timing
from runner.environment import environment
from runner.errors import FormulaError, reason
from runner.judge import findings, reference
from runner.judge import verdict as judge
from runner.judge.verdict import Found, References
from runner.record import Row, columns, spelled


def run(spec: Spec) -> list[Row]:
    """Judge and time every derivation of a specification; one row for each input that it differentiates.

    What the formula's code raises becomes a row of status `failed`; nothing it raises gets out.
    """
    common = _common(spec)
    with seeded(spec.seed):
        try:
            case = draw(spec)
            references = References.of(case, spec.shape, {*spec.derivations}, spec.check)
        except Exception as error:  # whatever a formula raises is its result
            return [_failed(common, name, error) for name in spec.derivations]
        shared: dict[str, Any] = {}
        rows: list[Row] = []
        for name in spec.derivations:
            rows += _derivation(spec, case, name, references, shared, common)
        return rows + _uncovered(spec, case, rows, common)


def _derivation(
    spec: Spec, case: Case, name: str, references: References, shared: dict[str, Any], common: dict[str, Any]
) -> list[Row]:
    """Run one derivation, give a verdict on each gradient, check its properties, and time it."""
    try:
        found = judge.find(case, name, references)
        rows = [judge.row(found, wrt, references, Row(**common, derivation=name)) for wrt in found.here]
        if spec.check != "off":
            subject = Subject(spec, case, name, found.here, judge.name_of(found.exact.dtype), shared)
            findings.apply(examine(subject, spec.check), subject.outcomes, rows, found.unexplained)
    except Exception as error:  # whatever a derivation raises is its result
        return [_failed(common, name, error)]
    if spec.timing.rounds and name in case.formula.gradients:
        try:
            _time(spec, case, found, rows)
        except Exception as error:  # a verdict that was reached is kept, whatever the clock runs into
            for row in rows:
                row.status, row.error = "failed", f"when it was timed: {reason(error)}"
    return rows


def _time(spec: Spec, case: Case, found: Found, rows: list[Row]) -> None:
    graph = reference.Graph.record(case)
    times = timing.clock(case, found.derivation, [row.wrt for row in rows], graph, spec.timing)
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


def refused(experiment: str, formula: str, error: Exception) -> Row:
    """Return the row of a point that its formula does not allow."""
    return Row(experiment=experiment, formula=formula, status="failed", error=str(error))


def _failed(common: dict[str, Any], derivation: str, error: Exception) -> Row:
    return Row(**common, derivation=derivation, status="failed", error=reason(error))


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
        "distribution": spec.distribution,
        "upstream": spec.upstream,
        "key": spec.key,
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "threads": torch.get_num_threads(),
    }
