"""Points to configurations: what Hydra would compose for each job, composed once for each choice of groups.

A full composition reads files and takes a tenth of a second. Here it is done once for each combination
of config groups, and the values of a point are set in a copy. Where a value could reach further than its
own key, the copy is resolved anew (interpolations), or the point composed in full (`${hydra:...}`,
deletions, additions, packages).
"""

import copy
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from runner.case.resolve import resolve
from runner.case.spec import Spec
from runner.command import hydra_private
from runner.command.explain import explained, settings
from runner.command.values import are_disjoint, changed, held, interpolations, is_plain, name_hydra, strings
from runner.errors import UserError, unknown
from runner.settings import Config
from runner.sweep.grid import Axis, Grid, Point

MOST_BASES = 2048  # combinations of group choices that are kept
MOST_VALUES = 16384


def axes(loader: ConfigLoader, arguments: Sequence[str]) -> list[Axis]:
    """Expand arguments as Hydra's basic sweeper does: a later value of a key takes the earlier's place."""
    found: dict[str, Axis] = {}
    for override in OverridesParser.create(config_loader=loader).parse_overrides(list(arguments)):
        key = override.get_key_element()
        found[key] = Axis(key, _values(override))
    return list(found.values())


def _values(override: Override) -> Sequence[str | int]:
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    if not override.is_discrete_sweep():
        raise HydraException(f"{override.input_line}: a grid has no use for interval(...); list the values")
    numbers = hydra_private.whole_range(override)
    return list(override.sweep_string_iterator()) if numbers is None else numbers


def typed(config: DictConfig) -> Config:
    """Turn a job's configuration into plain objects; raises UserError where no formula is chosen."""
    if OmegaConf.is_missing(config, "formula"):
        known = GlobalHydra.instance().config_loader().get_group_options("experiment")
        raise UserError(f"nothing to run: choose experiment=..., one of {', '.join(known)}")
    _known(config, Config, "")
    plain = OmegaConf.to_object(config)
    assert isinstance(plain, Config)  # the schema is the root of every composed configuration
    return plain


def _known(config: DictConfig, schema: Any, prefix: str) -> None:
    """Refuse a key that nobody knows, which Hydra lets in with a + before it."""
    types = {field.name: field.type for field in dataclasses.fields(schema)}
    for name in map(str, config):
        if name not in types:
            raise UserError(unknown("key", f"{prefix}{name}", settings()))
        if dataclasses.is_dataclass(types[name]):
            _known(config[name], types[name], f"{prefix}{name}.")


def chosen_experiment(hydra: Any) -> str:
    """Return the name of the experiment that was chosen, or nothing; raises UserError for several."""
    if several := [one for one in hydra.overrides.task if one.replace(" ", "").startswith("experiment=[")]:
        raise UserError(f"{several[0]}: choose one; -m experiment=mse,dot_product runs one by one")
    return str(hydra.runtime.choices.get("experiment") or "")


def without_hydra(config: DictConfig) -> DictConfig:
    """Return a copy of a composed configuration as a job gets it: without Hydra's own settings."""
    settings = config.copy()
    with read_write(settings), open_dict(settings):
        settings.pop("hydra", None)
    return settings


def specifier(loader: ConfigLoader, master: DictConfig, grid: Grid) -> Callable[[Point], Spec]:
    """Return the function that gives a point's specification; its UserError names the point."""
    composer = Composer(loader, master, grid.keys)

    def specify(point: Point) -> Spec:
        try:
            return resolve(*composer(point))
        except (HydraException, OmegaConfBaseException, UserError) as error:
            raise UserError(f"{explained(error)}\nin the point: {' '.join(point.overrides)}") from error

    return specify


class Base:
    """What one combination of group choices gives, before any value is set."""

    def __init__(self, composed: DictConfig) -> None:
        self.experiment = chosen_experiment(composed.hydra)
        self.config = without_hydra(composed)
        self.scratch = copy.deepcopy(self.config)
        found = interpolations(strings(OmegaConf.to_container(self.config, resolve=False)))
        self.interpolated, self.needs_hydra = bool(found), name_hydra(found)
        self.template: Config | None = None


class Composer:
    """Gives each point of a grid the configuration that stock Hydra would give it."""

    def __init__(self, loader: ConfigLoader, master: DictConfig, keys: Sequence[str]) -> None:
        self._loader, self._master = loader, master
        self._is_group = hydra_private.are_groups(loader, master, keys)
        self._simple = all(map(is_plain, keys)) and are_disjoint(keys)
        self._parser = OverridesParser.create(config_loader=loader)
        self._base = lru_cache(MOST_BASES)(self._compose_base)
        self._value = lru_cache(MOST_VALUES)(self._set_value)
        self.in_full = 0

    def __call__(self, point: Point) -> tuple[Config, str]:
        """Return a point's configuration and the name of its experiment."""
        groups = tuple(f"{k}={v}" for k, v, group in self._overrides(point) if group)
        written = interpolations(map(str, point.values))
        if not self._simple or name_hydra(written) or any("={" in group for group in groups):
            return self._composed_in_full(point)
        base = self._base(groups)
        if base.needs_hydra:
            return self._composed_in_full(point)
        if base.interpolated or written:
            return self._resolved(base, point), base.experiment
        return self._copied(base, groups, point), base.experiment

    def _overrides(self, point: Point) -> Iterable[tuple[str, str | int, bool]]:
        return zip(point.keys, point.values, self._is_group, strict=True)

    def _compose_base(self, groups: tuple[str, ...]) -> Base:
        return Base(self._loader.load_sweep_config(self._master, list(groups)))

    def _copied(self, base: Base, groups: tuple[str, ...], point: Point) -> Config:
        """Set each value in a copy of the first configuration with these groups: it sets the same keys."""
        if base.template is None:
            base.template = self._resolved(base, point)
        config: Any = base.template
        for key, value, is_group in self._overrides(point):
            if not is_group:
                path = key.split(".")
                if not (type(value) is int and type(held(config, path)) is int):  # no schema changes that
                    value = self._value(groups, key, value)
                config = changed(config, path, value)
        assert isinstance(config, Config)
        return config

    def _set_value(self, groups: tuple[str, ...], key: str, value: str | int) -> Any:
        """Return what a key holds, converted by the schema, once a value is set; a mapping is merged."""
        base, override = self._base(groups), self._parsed(key, value)
        is_container = isinstance(override.value(), dict | list)
        config = copy.deepcopy(base.config) if is_container else base.scratch
        hydra_private.apply([override], config)
        found = OmegaConf.select(config, key)
        return OmegaConf.to_object(found) if OmegaConf.is_config(found) else found

    def _resolved(self, base: Base, point: Point) -> Config:
        """Apply a point's values as Hydra does, and resolve what refers to them."""
        config = copy.deepcopy(base.config)
        values = [self._parsed(key, value) for key, value, group in self._overrides(point) if not group]
        hydra_private.apply(values, config)
        return typed(config)

    def _parsed(self, key: str, value: str | int) -> Override:
        if isinstance(value, int):
            return hydra_private.of_integer(key, value)
        return self._parser.parse_override(f"{key}={value}")

    def _composed_in_full(self, point: Point) -> tuple[Config, str]:
        """Compose as Hydra's launcher does, with the job's number and folder for `${hydra:...}`."""
        self.in_full += 1
        config = self._loader.load_sweep_config(self._master, point.overrides)
        with read_write(config), open_dict(config):
            config.hydra.job.id = config.hydra.job.num = point.index
            place = Path(config.hydra.sweep.dir, str(config.hydra.sweep.subdir))
            config.hydra.runtime.output_dir = str(place.absolute())
        with hydra_private.as_the_job(config):
            return typed(without_hydra(config)), chosen_experiment(config.hydra)
