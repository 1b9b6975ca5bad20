"""Hydra's door to the sweeps of handgrad; its settings stand in `conf/hydra/sweeper/grid.yaml`."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from runner.errors import UserError

# Hydra imports every plug-in at start, for --help as well: what is slow to import waits until a sweep runs.


class GridSweeper(Sweeper):
    """Runs every combination of the values given, and resumes what its folder holds."""

    def __init__(self, params: Mapping[str, str] | None = None) -> None:
        if params is not None and not hasattr(params, "items"):
            raise UserError(f"hydra.sweeper.params={params}: must be a mapping, as in {{seed: '1,2,3'}}")
        self._params = params or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives; raises UserError for a launcher, which this sweeper has no use for."""
        launcher = config.hydra.runtime.choices["hydra/launcher"]
        if launcher != "basic":
            raise UserError(
                f"hydra/launcher={launcher}: the grid sweeper runs points itself. Either leave the launcher "
                "out and set workers=4 or cluster=tcp://host:8786, or add hydra/sweeper=basic"
            )
        self._context, self._master = hydra_context, config

    def sweep(self, arguments: Sequence[str]) -> Any:
        """Expand the arguments, and run the points."""
        from runner.command.session import sweep
        from runner.report.progress import watching

        given = [f"{key}={value}" for key, value in self._params.items()]
        watch = watching(quiet=self._master.quiet)
        sweep(self._context.config_loader, self._master, [*given, *arguments], watch)
