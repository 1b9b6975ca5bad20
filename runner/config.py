"""The typed schema of the configuration; the meaning of each setting stands in `conf/config.yaml`."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf


@dataclass
class Inputs:
    """How inputs are drawn when a formula does not draw them itself."""

    distribution: str = "uniform"
    scale: float = 1.0
    offset: float = 0.0


@dataclass
class Timing:
    """How long each clock runs; `rounds: 0` measures no time."""

    rounds: int = 0
    block_ms: float = 1.0


@dataclass
class Config:
    """Everything a user may set."""

    plugins: list[str] = field(default_factory=list)
    formula: str = MISSING
    derivation: Any = None
    shape: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    seed: int = 42
    device: str = "cpu"
    dtype: str = "float32"
    upstream: str = "ones"
    inputs: Inputs = field(default_factory=Inputs)
    timing: Timing = field(default_factory=Timing)
    fail_on: str = "suspect_reference"
    show: bool = False
    debug: bool = False


def register_schema() -> None:
    """Make the schema known to Hydra under the name that `conf/config.yaml` starts from."""
    schema = OmegaConf.structured(Config)
    for formulas_own in (schema.shape, schema.params):
        OmegaConf.set_struct(formulas_own, False)  # any key may be typed; the formula says which it knows
    ConfigStore.instance().store(name="schema", node=schema)
