"""The derivations that mistakes are planted into: every one of the registry, at an experiment's settings."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from runner.case.resolve import resolve
from runner.case.spec import Spec
from runner.errors import UserError, unknown
from runner.formula import lookup, names
from runner.selftest.mistake import Target
from runner.settings import Config, Timing

CONF = Path(__file__).resolve().parents[2] / "conf"


def targets(formulas: Iterable[str] = ()) -> list[Target]:
    """Return each derivation of the formulas, of all by default, at the experiment of the formula's name.

    Raises UserError for a name that is no formula.
    """
    for name in (chosen := list(formulas)):
        if name not in names():
            raise UserError(unknown("formula", name, names()))
    specs = [spec for spec in specifications().values() if not chosen or spec.formula in chosen]
    return [
        Target(spec, lookup(spec.formula), lookup(spec.formula).derivations[name])
        for spec in specs
        for name in spec.derivations
    ]


def specifications() -> dict[str, Spec]:
    """Return one experiment for each formula, the one of its own name if there is one."""
    found: dict[str, Spec] = {}
    for path in sorted((CONF / "experiment").glob("*.yaml")):
        spec = specification(path)
        if spec.formula not in found or path.stem == spec.formula:
            found[spec.formula] = spec
    return found


def specification(path: Path) -> Spec:
    """Resolve an experiment's YAML over the defaults, without the clock."""
    settings: Any = OmegaConf.load(path)
    config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), settings))
    assert isinstance(config, Config)
    config.timing = Timing(rounds=0)
    return resolve(config, path.stem)
