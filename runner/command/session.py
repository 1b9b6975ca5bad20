"""One sweep from its arguments to its ledger: expand, validate, look up what is done, run the rest."""

import gc
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from runner.command.compose import axes, specifier
from runner.command.dry_run import list_points
from runner.errors import StoppedError, UserError
from runner.sweep import ledger
from runner.sweep.execute import Observe, execute
from runner.sweep.execution import Execution
from runner.sweep.grid import Grid
from runner.sweep.job import code_of_judge
from runner.sweep.ledger import Ledger
from runner.sweep.plan import Before, Plan, plan, unrecorded, validated

Watch = Callable[[Plan], AbstractContextManager[Observe]]


def sweep(loader: Any, master: DictConfig, arguments: Sequence[str], watch: Watch) -> None:
    """Run every point of a grid that the sweep's folder has no completed record of.

    Raises UserError for a point that is not valid, before anything runs or is written, and where another
    sweep holds the folder; StoppedError where results were lost on the way. `watch` is told of the plan,
    and of each record as it is written.
    """
    gc.enable()
    grid = Grid(axes(loader, arguments))
    if not grid.size:
        raise UserError(f"{' '.join(arguments)}: the sweep has no points")
    execution = Execution(master.workers, master.cluster, master.threads, **master.limits)
    specify = specifier(loader, master, grid)
    identities = validated(grid, specify)
    folder = Path(master.hydra.sweep.dir)
    if master.dry_run:
        before = Before() if master.sweep.fresh else Before.read(folder)
        list_points(plan(grid, specify, identities, before, retry=master.sweep.retry), identities[0], before)
        return
    with opened(folder, master) as records:
        OmegaConf.save(master, folder / "multirun.yaml")
        chosen = plan(grid, specify, identities, Before.read(folder), retry=master.sweep.retry)
        with watch(chosen) as observe:
            execute(chosen.jobs(), records, execution, observe)
        if missing := unrecorded(identities[0], folder):
            raise StoppedError(f"{folder}: the ledger has no result of {missing} of {grid.size} points")


@contextmanager
def opened(folder: Path, master: DictConfig) -> Iterator[Ledger]:
    """Hold a sweep's folder, and open its ledger with a record of who writes."""
    folder.mkdir(parents=True, exist_ok=True)
    with ledger.owned(folder), Ledger(folder) as records:
        if master.sweep.fresh:
            records.append({"event": "fresh"})
        records.append(_beginning(master))
        yield records


def _beginning(master: DictConfig) -> Mapping[str, Any]:
    sources = master.hydra.runtime.config_sources
    return {
        "event": "sweep",
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "code": code_of_judge(),
        "pid": os.getpid(),
        "host": platform.node(),
        "arguments": list(master.hydra.overrides.task),
        "config_dir": next((source.path for source in sources if source.provider == "command-line"), None),
    }
