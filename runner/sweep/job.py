"""One point on its way through a sweep, and the records that it leaves in the ledger."""

import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.case.spec import Spec
from runner.experiment import _common, refused
from runner.record import Row

EMPTY = vars(Row())
SEVERITY = ("completed", "failed", "timeout", "crashed")
OF_THE_SWEEP = re.compile(r"^(workers|cluster|threads|quiet|sweep\.\w+|limits(\.\w+)?)=")


@dataclass(frozen=True)
class Job:
    """One point: its place in the grid, how it was typed, and its specification."""

    index: int
    overrides: Sequence[str]
    spec: Spec

    @property
    def identity(self) -> dict[str, Any]:
        """What every record of the point begins with."""
        return {"key": self.spec.key, "point": self.spec.point, "index": self.index}


def started(job: Job) -> dict[str, Any]:
    """Return the record of a point that is about to run."""
    return {"event": "started", **job.identity}


def finished(job: Job, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a point whose rows are known."""
    return {"event": result["status"], **job.identity, "overrides": list(job.overrides), **result}


def packed(found: Sequence[Row], seconds: float) -> dict[str, Any]:
    """Return rows as plain data: what they share once, and no cell that is empty."""
    written = [
        {name: value for name, value in vars(row).items() if value not in (None, "") or EMPTY[name] != value}
        for row in found
    ]
    shared = {
        name: value
        for name, value in (written[0] if written else {}).items()
        if not isinstance(value, float) and all(row.get(name) == value for row in written)  # -0.0 == 0.0
    }
    return {
        "status": max((row.status for row in found), key=SEVERITY.index, default="completed"),
        "seconds": round(seconds, 6),
        "shared": shared,
        "rows": [{name: value for name, value in row.items() if name not in shared} for row in written],
    }


def cells(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a finished record, each with every column, in order, and with none but those."""
    shared = {**EMPTY, **record.get("shared", {})}
    for own in record.get("rows", ()):
        found = {**shared, **own}
        yield found if len(found) == len(EMPTY) else {name: found[name] for name in EMPTY}


def lost(spec: Spec, status: str, error: str) -> list[Row]:
    """Return the rows of a point that gave none: one for each derivation that was asked for."""
    return [Row(**_common(spec), derivation=name, status=status, error=error) for name in spec.derivations]


def refusal(
    index: int, overrides: Sequence[str], experiment: str, formula: str, error: Exception
) -> dict[str, Any]:
    """Return the record of a point that its formula does not allow, and that has no specification."""
    point = hashlib.sha256(" ".join(overrides).encode()).hexdigest()[:16]
    result = packed([refused(experiment, formula, error)], 0.0)
    identity = {"key": point, "point": point, "index": index, "overrides": list(overrides)}
    return {"event": "failed", **identity, "bad_input": True, **result}


def command(overrides: Iterable[str], config_dir: str | None = None) -> str:
    """Return the command that runs one point alone."""
    wanted = [override for override in overrides if not OF_THE_SWEEP.match(override)]
    if any(override.startswith("sweep=") for override in wanted):
        wanted.append("hydra.mode=RUN")
    place = ["--config-dir", config_dir] if config_dir else []
    return shlex.join(["python", "-m", "runner", *place, *wanted])
