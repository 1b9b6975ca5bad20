"""The registry and the configs as parameters of tests."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from runner.case.resolve import resolve
from runner.case.spec import Spec
from runner.command.schema import register_with_hydra
from runner.experiment import run
from runner.files import CONF, experiments
from runner.formula import lookup, names
from runner.report import row
from runner.settings import Config
from runner.sweep.job import Job, finished, packed

EXPERIMENTS = experiments()
FORMULAS = names()
INACCURATE = {
    ("variance_offset", "one_pass", "x", "float32"): "a x - a mean cancels: that is what it is there to show",
}
"""The gradients that may be `inaccurate`, whatever is checked, each with the reason; no other one may."""
AT_FULL = {
    ("variance_offset", "one_pass", "x", "float32"): "as at its own point",
    ("variance", "one_pass", "x", "float32"): "1,000 away from zero it cancels, as torch.var itself does",
}
"""Those that `check=full` finds so at numbers of its own."""
UNSUPPORTED = {
    (name, dtype)
    for name in ("cholesky", "eigh", "inverse", "logdet", "lstsq", "qr", "solve", "svd")
    for dtype in ("bfloat16", "float16")
}
"""Where PyTorch has no kernel for the forward."""
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


def assert_right(experiment: str, dtype: str, found: Sequence[Any]) -> None:
    """Hold every row of an experiment to the verdict that is due, and the rows to being all that are due."""
    expected = "unsupported" if (experiment, dtype) in UNSUPPORTED else "completed"
    assert {row.status for row in found} == {expected}, [row.error for row in found]
    derived = {row.derivation for row in found}
    assert derived == ({""} if expected == "unsupported" else {*lookup(found[0].formula).derivations})
    for one in found if expected == "completed" else ():
        which = (experiment, one.derivation, one.wrt, dtype)
        at_full = one.check == "full" and which in AT_FULL
        due = {"inaccurate"} if which in INACCURATE or at_full else {"exact", "correct"}
        said = one.derivation, one.wrt, one.truth_error, one.bound, one.failed_checks, one.diagnosis
        assert one.verdict in due, said
        assert one.failed_checks == ("precision" if at_full else ""), said


def specification(experiment: str, **changes: Any) -> Spec:
    """Resolve an experiment's YAML, with settings replaced; shape and params are updated."""
    config = Config(**vars(configuration(experiment)))
    for mapping in ("shape", "params"):
        setattr(config, mapping, {**getattr(config, mapping), **changes.pop(mapping, {})})
    for name, value in changes.items():
        setattr(config, name, value)
    return resolve(config, experiment)
