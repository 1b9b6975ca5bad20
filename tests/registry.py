"""The registry and the configs as parameters of tests."""

import json
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from runner.case.resolve import resolve
from runner.case.spec import Spec
from runner.command.app import CONF, experiments
from runner.command.schema import register_with_hydra
from runner.experiment import run
from runner.formula import lookup, names
from runner.report import row
from runner.settings import Config
from runner.sweep.job import Job, finished, packed

EXPERIMENTS = experiments()
FORMULAS = names()
DERIVATIONS = [(name, derivation) for name in FORMULAS for derivation in lookup(name).derivations]


@cache
def configuration(experiment: str) -> Config:
    """Compose an experiment's YAML as the command line would."""
    register_with_hydra()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", [f"experiment={experiment}", "timing=off"])
    config = OmegaConf.to_object(composed)
    assert isinstance(config, Config)
    return config


def rows(spec: Spec) -> list[Any]:
    """Return what the report says of a specification: its rows as they survive the ledger, by attribute."""
    record = finished(Job(0, [], spec), packed(spec, run(spec), datetime.now(UTC)))
    return [SimpleNamespace(**cells) for cells in row.rows(json.loads(json.dumps(record)))]


def specification(experiment: str, **changes: Any) -> Spec:
    """Resolve an experiment's YAML, with settings replaced; shape and params are updated."""
    config = Config(**vars(configuration(experiment)))
    for mapping in ("shape", "params"):
        setattr(config, mapping, {**getattr(config, mapping), **changes.pop(mapping, {})})
    for name, value in changes.items():
        setattr(config, name, value)
    return resolve(config, experiment)
