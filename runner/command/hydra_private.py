"""Every use that is made of Hydra's private names: what a new Hydra may move is to be mended here alone.

`tests/command/test_hydra_private.py` says in words what has moved.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override, OverrideType, RangeSweep, ValueType
from omegaconf import DictConfig


def are_groups(loader: ConfigLoader, master: DictConfig, keys: Sequence[str]) -> tuple[bool, ...]:
    """Tell of each key of an override whether it chooses a config of a group."""
    assert isinstance(loader, ConfigLoaderImpl)
    _, repository = loader._parse_overrides_and_create_caching_repo(
        master.hydra.job.config_name, list(master.hydra.overrides.hydra)
    )
    return tuple(bool(repository.group_exists(key)) for key in keys)


def apply(overrides: Sequence[Override], config: DictConfig) -> None:
    """Set values in a composed configuration as Hydra does."""
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)


def whole_range(override: Override) -> range | None:
    """Return the integers of `range(...)`, without writing them out; None for any other sweep."""
    swept = override._value
    numbers = swept.range() if isinstance(swept, RangeSweep) and not swept.shuffle else None
    return numbers if isinstance(numbers, range) else None


def of_integer(key: str, value: int) -> Override:
    """Return the override `key=value`, which the grammar would read as well, at a thousand times the cost."""
    return Override(OverrideType.CHANGE, key, ValueType.ELEMENT, value, input_line=f"{key}={value}")


@contextmanager
def as_the_job(config: DictConfig) -> Iterator[None]:
    """Let `${hydra:...}` refer to the settings of one job."""
    holder: Any = HydraConfig.instance()
    before = holder.cfg
    holder.set_config(config)
    try:
        yield
    finally:
        holder.cfg = before
