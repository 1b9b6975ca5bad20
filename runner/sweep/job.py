"""One point on its way through a sweep, and the records that it leaves in the ledger."""

import hashlib
import platform
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from runner.case.spec import Spec
from runner.environment import commit, environment
from runner.formula import lookup
from runner.formula.source import judge_fingerprint
from runner.judge.judgement import Judgement
from runner.names import COMMAND
from runner.record import COLUMNS
from runner.verdicts import STATUSES, Status

Result = Mapping[str, Any]
"""What became of a point, as JSON can hold it: status, seconds, provenance, judgements."""

OF_THE_SWEEP = re.compile(r"^(workers|cluster|threads|quiet|dry_run|report\.\w+|sweep\.\w+|limits(\.\w+)?)=")


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


def finished(job: Job, result: Result) -> dict[str, Any]:
    """Return the record of a point whose judgements are known."""
    settings = {"overrides": list(job.overrides), "settings": job.spec.settings}
    return {"event": result["status"], **job.identity, **settings, **result}


def packed(spec: Spec, judgements: Sequence[Judgement], began: datetime) -> dict[str, Any]:
    """Return what a point gave as plain data, with where it ran."""
    return {
        "status": _worst(judgements),
        "seconds": round((datetime.now(UTC) - began).total_seconds(), 6),
        "started_at": began.isoformat(timespec="milliseconds"),
        "provenance": _provenance(spec),
        "judgements": [judgement.as_data() for judgement in judgements],
    }


def code_of_judge() -> dict[str, str]:
    """Return what results depend on beside settings and formula, as it is called in a sentence."""
    return {"the judge": judge_fingerprint(), "PyTorch": str(torch.__version__)}


def identified(spec: Spec) -> dict[str, Any]:
    """Return which question was answered, and by which code; of that, no more than `answer` compares."""
    return {
        "key": spec.key,
        "point": spec.point,
        "code": {"the formula": spec.formula_sha, **code_of_judge()},
    }


def answer(job: Job, result: Result) -> Result:
    """Return a result without its identity, if it is the answer to the question; else what it is instead.

    Where the process that ran the point has other code, nothing was found out about this one.
    """
    said = {name: value for name, value in result.items() if name not in ("key", "point", "code", "tainted")}
    if result.get("point", job.spec.point) != job.spec.point:
        return lost(job.spec, "crashed", "the process answered for another point")
    if result.get("key", job.spec.key) == job.spec.key:
        return said
    mine = identified(job.spec)["code"]
    other = [name for name in mine if mine[name] != result["code"].get(name)]
    error = f"this worker has another version of {' and '.join(other) or 'the code'}"
    return {**lost(job.spec, "failed", error, result["seconds"]), "unanswered": True}


def _worst(judgements: Iterable[Judgement]) -> Status:
    return max((one.status for one in judgements), key=STATUSES.index, default="completed")


def _provenance(spec: Spec) -> dict[str, Any]:
    """Return the report's columns that say where a result comes from."""
    file = getattr(lookup(spec.formula).forward, "__code__", None)
    repository = commit(Path(file.co_filename).parent) if file else {}
    return {**_machine(), **repository, "formula_sha": spec.formula_sha, "threads": torch.get_num_threads()}


@cache
def _machine() -> dict[str, Any]:
    """Return what is the same for all points: those of the report's columns that the environment has."""
    columns = {column.name for column in COLUMNS}
    return {n: value for n, value in environment().items() if n in columns and value is not None}


def lost(spec: Spec, status: Status, error: str, seconds: float = 0.0, host: str = "") -> dict[str, Any]:
    """Return the result of a point that gave none: a judgement for each derivation that was asked for."""
    names = spec.derivations
    return {
        "status": status,
        "seconds": round(seconds, 6),
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "provenance": {"host": host or platform.node(), "formula_sha": spec.formula_sha},
        "judgements": [Judgement(derivation=n, status=status, error=error).as_data() for n in names],
    }


def refusal(
    index: int, overrides: Sequence[str], experiment: str, formula: str, error: Exception
) -> dict[str, Any]:
    """Return the record of a point that its formula does not allow, and that has no specification."""
    point = hashlib.sha256(" ".join(overrides).encode()).hexdigest()[:16]
    return {
        "event": "failed",
        "key": f"k{point}",
        "point": f"p{point}",
        "index": index,
        "overrides": list(overrides),
        "settings": {"experiment": experiment, "formula": formula},
        "bad_input": True,
        "status": "failed",
        "seconds": 0.0,
        "judgements": [Judgement(status="failed", error=str(error)).as_data()],
    }


def command(overrides: Iterable[str], config_dir: str | None = None) -> str:
    """Return the command that runs one point alone."""
    wanted = [override for override in overrides if not OF_THE_SWEEP.match(override)]
    if any(override.startswith("sweep=") for override in wanted):
        wanted.append("hydra.mode=RUN")
    place = ["--config-dir", config_dir] if config_dir else []
    return shlex.join([*COMMAND, *place, *wanted])
