"""Validates a configuration against the formula that it names, and makes the specification."""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, cast

from runner.case.allowed import available, choice, clock, execution, finite, natural
from runner.case.dump import examine
from runner.case.spec import DTYPES, DTypeName, Spec
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
from runner.settings import LEVELS, PRECISIONS, Config, Execution, Level, Precision
from runner.verdicts import VERDICTS

NONE = Example(shape={}, upstream=DEFAULT_UPSTREAM, distribution=DEFAULT_DISTRIBUTION)


def resolve(config: Config, experiment: str = "") -> Spec:
    """Validate a configuration against the formula that it names, whose example says what is not set.

    Raises UserError for the first thing that is wrong, naming what would be right.
    """
    plugins = _plugins(config.plugins)
    load(plugins)
    formula = lookup(config.formula)
    choice("dtype", config.dtype, DTYPES)
    example = formula.example or NONE
    upstream = config.upstream or example.upstream
    choice("upstream", upstream, UPSTREAMS)
    distribution = config.inputs.distribution or example.distribution
    choice("inputs.distribution", distribution, DISTRIBUTIONS)
    precision = config.precision or formula.precision
    choice("precision", precision, PRECISIONS)
    choice("inputs.ids", config.inputs.ids or DEFAULT_IDS, IDS)
    choice("check.level", config.check.level, LEVELS)
    choice("fail_on", config.fail_on, VERDICTS)
    available(config.device, here=not config.cluster)
    finite("inputs.scale", config.inputs.scale)
    finite("inputs.offset", config.inputs.offset)
    clock(config.timing)
    execution(config.execution)
    params = _params(formula, {**example.params, **config.params})
    shape = _shape(formula, _enlarged(formula, {**example.shape, **config.shape}, config), params)
    dump = examine(formula, shape, params, config.inputs.file, config.dtype)
    return Spec(
        formula=formula.name,
        experiment=experiment or formula.name,
        plugins=plugins,
        derivations=_derivations(formula, config.derivation),
        execution=cast(Execution, config.execution),
        shape=shape,
        params=params,
        seed=natural("seed", config.seed),
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


def _enlarged(formula: Formula, shape: Mapping[str, Any], config: Config) -> Mapping[str, Any]:
    """Multiply every dimension, or one alone; what is not an integer is refused later, by name."""
    factor, alone = config.enlarge, config.alone
    if factor < 1:
        raise UserError(f"enlarge={factor}: must be an integer >= 1")
    known = [*formula.dimensions]
    if alone is None:
        chosen = known
    elif type(alone) is int and alone >= 0:
        chosen = known[alone:][:1]
    elif alone in known:
        chosen = [alone]
    else:
        raise UserError(f"{formula.name}: {unknown('dimension in alone', str(alone), known)}")
    return {name: _times(value, factor) if name in chosen else value for name, value in shape.items()}


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
