"""Run a formula of the catalogue, or of a plug-in, from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from runner.case.resolve import resolve
from runner.compare import Verdict
from runner.doors.result import Result
from runner.errors import BadInput, UserError, unknown
from runner.experiment import run as judgements
from runner.settings import Check, Config, Inputs, Timing
from runner.sweep.job import Job, finished, packed

ROUNDS = 5  # of the clock, as timing=quick has them


def run(
    formula: str,
    *,
    plugins: str | Sequence[str] = (),
    check: str = "quick",
    second_order: bool = False,
    timing: bool = False,
    inputs: Mapping[str, Any] | None = None,
    fail_on: Verdict = "suspect_reference",
    **settings: Any,
) -> Result:
    """Run a formula at its example, with settings changed as on the command line.

    `settings` are those of the configuration: `shape`, `params`, `seed`, `dtype`, `device`, `derivation`,
    `upstream`, `precision`; `inputs` is a mapping of what stands below `inputs.` there. Raises BadInput for
    what the command line refuses.
    """
    known = [field.name for field in fields(Config)]
    for name in settings:
        if name not in known:
            raise BadInput(f"run: {unknown('setting', name, known)}")
    config = Config(
        formula=formula,
        plugins=plugins if isinstance(plugins, str) else [*plugins],
        check=Check(check, second_order),
        timing=Timing(rounds=ROUNDS if timing else 0),
        inputs=Inputs(**dict(inputs or {})),
        fail_on=fail_on,
        **settings,
    )
    try:
        spec = resolve(config)
    except UserError as error:
        raise BadInput(str(error)) from error
    began = datetime.now(UTC)
    record = finished(Job(0, (), spec), packed(spec, judgements(spec), began))
    return Result([record], varied=" ".join(spec.shape), fail_on=fail_on)
