"""Run a formula of the catalogue, or of a plug-in, from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from runner.case.resolve import resolve
from runner.doors.recorded import bad_input, clocked, recorded
from runner.doors.result import Result
from runner.errors import BadInput, unknown
from runner.settings import Check, Config, Inputs
from runner.verdicts import Verdict


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
        timing=clocked(timing),
        inputs=Inputs(**dict(inputs or {})),
        fail_on=fail_on,
        **settings,
    )
    with bad_input():
        spec = resolve(config)
    return Result([recorded(spec)], varied=" ".join(spec.shape), fail_on=fail_on)
