"""The settings as Hydra's schema; the sweeper and an experiment for each formula as its plug-ins."""

import sys
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from runner.settings import Config

PLUGINS = str(Path(__file__).parent / "hydra_plugin")  # holds the namespace package `hydra_plugins`


def register_with_hydra() -> None:
    """Make the schema and the plug-ins known to Hydra, before it looks for plug-ins the first time."""
    if PLUGINS not in sys.path:
        sys.path.append(PLUGINS)
    schema = OmegaConf.structured(Config)
    for formulas_own in (schema.shape, schema.params):
        OmegaConf.set_struct(formulas_own, False)  # any key may be typed; the formula says which it knows
    ConfigStore.instance().store(name="schema", node=schema)
