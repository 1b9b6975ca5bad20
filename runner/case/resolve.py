"""Validates a configuration against the formula that it names, and makes the specification."""

import dataclasses
import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch

from runner.case.dump import examine
from runner.case.spec import DTYPES, DTypeName, Spec
from runner.compare import VERDICTS
from runner.errors import UserError, reason, unknown
from runner.formula import Example, Formula, lookup
from runner.formula.draw import (
    DEFAULT_DISTRIBUTION,
    DEFAULT_IDS,
    DEFAULT_UPSTREAM,
    DISTRIBUTIONS,
    IDS,
    UPSTREAMS,
)
from runner.formula.plugins import load
from runner.formula.signature import signature
from runner.settings import LEVELS, PRECISIONS, Config, Level, Precision

NONE = Example(shape={}, upstream=DEFAULT_UPSTREAM, distribution=DEFAULT_DISTRIBUTION)


def resolve(config: Config, experiment: str = "") -> Spec:
    """Validate a configuration against the formula that it names, whose example says what is not set.

    Raises UserError for the first thing that is wrong, naming what would be right.
    """
    plugins = _plugins(config.plugins)
    load(plugins)
    formula = lookup(config.formula)
    _choice("dtype", config.dtype, DTYPES)
    example = formula.example or NONE
    upstream = config.upstream or example.upstream
    _choice("upstream", upstream, UPSTREAMS)
    distribution = config.inputs.distribution or example.distribution
    _choice("inputs.distribution", distribution, DISTRIBUTIONS)
    precision = config.precision or formula.precision
    _choice("precision", precision, PRECISIONS)
    _choice("inputs.ids", config.inputs.ids or DEFAULT_IDS, IDS)
    _choice("check.level", config.check.level, LEVELS)
    _choice("fail_on", config.fail_on, VERDICTS)
    _available(config.device, here=not config.cluster)
    _finite("inputs.scale", config.inputs.scale)
    _finite("inputs.offset", config.inputs.offset)
    _natural("timing.rounds", config.timing.rounds)
    if not 0 < config.timing.block_ms < math.inf:
        raise UserError(f"timing.block_ms={config.timing.block_ms}: must be a finite number > 0")
    params = _params(formula, {**example.params, **config.params})
    shape = _shape(formula, _enlarged({**example.shape, **config.shape}, config.enlarge), params)
    dump = examine(formula, shape, params, config.inputs.file, config.dtype)
    return Spec(
        formula=formula.name,
        experiment=experiment or formula.name,
        plugins=plugins,
        derivations=_derivations(formula, config.derivation),
        shape=shape,
        params=params,
        seed=_natural("seed", config.seed),
        device=config.device,
        dtype=cast(DTypeName, config.dtype),
        precision=cast(Precision, precision),
        upstream="file" if dump.has_upstream else upstream,
        inputs=dataclasses.replace(config.inputs, distribution=distribution),
        file_digest=dump.digest,
        check=cast(Level, config.check.level),
        second_order=config.check.second_order,
        timing=config.timing,
    )


def _plugins(given: Any) -> tuple[str, ...]:
    plugins = [given] if isinstance(given, str) else given
    if not isinstance(plugins, list) or not all(isinstance(plugin, str) for plugin in plugins):
        raise UserError(
            f"plugins={given}: must be a module or a .py file, or a list of them, as in [mine.py]"
        )
    return tuple(plugins)


def _choice(kind: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise UserError(unknown(kind, value, known))


def _natural(kind: str, value: int) -> int:
    if not 0 <= value < 2**63:
        raise UserError(f"{kind}={value}: must be an integer >= 0, and below 2^63")
    return value


def _finite(kind: str, value: float) -> None:
    if not math.isfinite(value):
        raise UserError(f"{kind}={value}: must be a finite number")


def _available(device: str, here: bool = True) -> None:
    """Refuse a device that is misspelled, or that this machine does not have if it is to run `here`."""
    kind, _, index = device.partition(":")
    _choice("device", kind, ("cpu", "cuda", "mps"))
    if index and not (kind == "cuda" and index.isdecimal()):
        raise UserError(f"device={device}: only cuda takes an index, as in cuda:1")
    if not here:
        return
    present = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    if int(index or 0) >= present[kind]:
        there = ", ".join(f"{n} {name}" for name, n in present.items() if n)
        raise UserError(
            f"device={device}: PyTorch {torch.__version__} finds no such device here, only {there}"
        )


def _derivations(formula: Formula, asked: Any) -> tuple[str, ...]:
    known = tuple(formula.derivations)
    if asked is None:
        return known
    chosen = asked if isinstance(asked, list) else [asked]
    if not chosen:
        raise UserError(f"{formula.name}: derivation=[]: names none. There is: {', '.join(known)}.")
    for name in chosen:
        if name not in known:
            raise UserError(f"{formula.name}: {unknown('derivation', name, known)}")
    return tuple(name for name in known if name in chosen)


def _params(formula: Formula, given: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in given.items():
        if name not in formula.parameters:
            raise UserError(
                f"{formula.name}: {unknown('hyper-parameter in params', name, formula.parameters)}"
            )
        domain = formula.domain_of(name)
        if not domain.contains(value):
            raise UserError(f"{formula.name}: params.{name}={value}: must be {domain.description}")
    return {**formula.parameters, **given}


def _enlarged(shape: Mapping[str, Any], factor: int) -> Mapping[str, Any]:
    """Multiply every dimension; what is not an integer is refused later, by name."""
    if factor < 1:
        raise UserError(f"enlarge={factor}: must be an integer >= 1")
    if factor == 1:
        return shape
    return {name: _times(value, factor) for name, value in shape.items()}


def _times(value: Any, factor: int) -> Any:
    if isinstance(value, list):
        return [_times(size, factor) for size in value]
    return value * factor if type(value) is int else value


def _shape(
    formula: Formula, given: Mapping[str, Any], params: Mapping[str, Any]
) -> dict[str, int | list[int]]:
    known = formula.dimensions
    for name in given:
        if name not in known:
            raise UserError(f"{formula.name}: {unknown('dimension in shape', name, known)}")
    optional = {n: d for n, d in known.items() if d is not inspect.Parameter.empty}
    if missing := [name for name in known if name not in given and name not in optional]:
        raise UserError(
            f"{formula.name}: shape lacks {', '.join(missing)}; it takes {', '.join(known)}, "
            f"as in shape.{missing[0]}=5"
        )
    lists = signature(formula.shapes).lists
    shape = {
        n: list(given[n]) if isinstance(given.get(n), list | tuple) else given.get(n, optional.get(n))
        for n in known
    }
    for name, value in shape.items():
        _dimension(formula, name, value, name in lists)
    try:
        formula.sizes(shape, params)
    except UserError:
        raise
    except Exception as error:  # a ValueError is how shapes says that dimensions do not fit
        said = str(error) if isinstance(error, ValueError) else f"shapes raises {reason(error)}"
        raise UserError(f"{formula.name}: {said}") from error
    return shape


def _dimension(formula: Formula, name: str, value: Any, is_list: bool) -> None:
    least = 0 if name in formula.may_be_empty else 1
    form = (
        f"a list of integers >= {least}, as in shape.{name}=[5,9,7]" if is_list else f"an integer >= {least}"
    )
    sizes = value if is_list and isinstance(value, list) else [value]
    fits = isinstance(value, list) == is_list and all(
        isinstance(size, int) and not isinstance(size, bool) and size >= least for size in sizes
    )
    if not fits:
        raise UserError(f"{formula.name}: shape.{name}={value}: must be {form}")
