"""`dry_run=true`: which points there are and what became of them, without running or writing anything."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from runner.case.spec import Spec
from runner.record import spelled
from runner.report.signs import console
from runner.sweep.job import OF_THE_SWEEP
from runner.sweep.plan import Before, Plan

WIDTH = len("unsupported, runs again")


def list_points(plan: Plan, keys: Sequence[int], before: Before) -> None:
    """Print a line for each point of a sweep: whether it is to run, and how it is typed."""
    out, seen = console(), set[int]()
    for index, key in enumerate(keys):
        event = before.events.get(key, "")
        state = _state(event, is_wanted=bool(plan.is_wanted[index]), is_twice=key in seen)
        seen.add(key)
        typed = (override for override in plan.grid[index].overrides if not OF_THE_SWEEP.match(override))
        out.print(Text(f"{state:{WIDTH}}  {' '.join(typed)}"), soft_wrap=True)
    out.print(f"{plan}; dry_run=true: nothing was run, nothing written", soft_wrap=True)


def _state(event: str, *, is_wanted: bool, is_twice: bool) -> str:
    if not is_wanted:
        return "the same as one above" if is_twice else event
    return f"{event}, runs again" if event else "to run"


def say_single(spec: Spec, folder: Path) -> None:
    """Print what a single run would run, and where its report would lie."""
    out = console()
    settings = (spelled(spec.shape), spelled(spec.params), spec.dtype, spec.device, f"seed {spec.seed}")
    what = f"{spec.experiment} ({', '.join(spec.derivations)}): {', '.join(filter(None, settings))}"
    out.print(Text(f"to run  {what}"), soft_wrap=True)
    out.print(Text(f"1 point, into {folder}; dry_run=true: nothing was run, nothing written"), soft_wrap=True)
