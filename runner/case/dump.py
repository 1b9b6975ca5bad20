"""Holds a file of dumped tensors against the formula and the settings that are to use it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from runner.case import tensors
from runner.case.inputs import draw_inputs
from runner.case.tensors import Header
from runner.errors import UserError, unknown
from runner.formula import Formula, Shape
from runner.formula.draw import Draw
from runner.formula.signature import Function, signature
from runner.formula.weak import cached_weakly
from runner.record import spelled


@dataclass(frozen=True)
class Dump:
    """What a specification keeps of a file: the hash of its content, and whether it has the upstream."""

    digest: str = ""
    has_upstream: bool = False


def examine(formula: Formula, shape: Shape, params: Mapping[str, Any], file: str | None, dtype: str) -> Dump:
    """Compare a file's names, shapes and dtypes with what is asked for, by its headers.

    It has every input, and the upstream gradients `grad_<output>` of all outputs or of none. Raises
    UserError for the first thing that does not fit.
    """
    if file is None:
        return Dump()
    found, inputs = tensors.headers(file), _inputs(formula, shape, params, dtype)
    _names(file, found, [*inputs], [f"grad_{output}" for output in formula.outputs])
    wanted = " ".join(f"shape.{setting}" for setting in spelled(shape).split())
    _fit(file, found, inputs, wanted, dtype)
    upstream = {*found} - {*inputs}
    if upstream:
        _fit(file, found, _upstream(formula, params, file, found, dtype), wanted, dtype)
    return Dump(tensors.digest(file), bool(upstream))


def _inputs(formula: Formula, shape: Shape, params: Mapping[str, Any], dtype: str) -> dict[str, Header]:
    """Return each input's size, and its dtype: that of the experiment, or of the labels that are drawn."""
    drawn = draw_inputs(formula, shape, params, Draw(0)) if formula.sample else {}
    own = {n: _name(value.dtype) for n, value in drawn.items() if not value.is_floating_point()}
    return {n: Header(tuple(size), own.get(n, dtype)) for n, size in formula.sizes(shape, params).items()}


def _upstream(
    formula: Formula, params: Mapping[str, Any], file: str, found: Mapping[str, Header], dtype: str
) -> dict[str, Header]:
    """Return the size of each upstream gradient, which takes one forward to know."""
    sizes = _sizes_of_results(formula.forward)
    wanted = signature(formula.forward).pick(params)
    key = (*tensors.state(file), *formula.outputs, spelled(wanted))
    if key not in sizes:
        sizes[key] = _results(formula, params, file)
    names = {f"grad_{output}": output for output in formula.outputs}
    if not sizes[key]:
        return {name: found[name] for name in names}
    return {name: Header(sizes[key][output], dtype) for name, output in names.items()}


@cached_weakly
def _sizes_of_results(forward: Function) -> dict[tuple[Hashable, ...], Mapping[str, tuple[int, ...]]]:
    """Keep sizes by the state of the file and hyper-parameters; a sweep asks for them at every point."""
    return {}


def _results(formula: Formula, params: Mapping[str, Any], file: str) -> dict[str, tuple[int, ...]]:
    try:
        with torch.no_grad():
            results = formula.apply(formula.forward, tensors.load(file), params)
    except UserError:
        raise
    except Exception:  # a forward that is broken says so in its row
        return {}
    return {output: tuple(results[output].shape) for output in formula.outputs}


def _names(file: str, found: Mapping[str, Header], inputs: list[str], upstream: list[str]) -> None:
    known = [*inputs, *upstream]
    for name in found:
        if name not in known:
            raise UserError(f"inputs.file={file}: {unknown('tensor', name, known)}")
    wanted = known if {*upstream} & {*found} else inputs
    if missing := [name for name in wanted if name not in found]:
        raise UserError(
            f"inputs.file={file}: lacks {', '.join(missing)}; it has {', '.join(found) or 'no tensor'}"
        )


def _fit(
    file: str, found: Mapping[str, Header], expected: Mapping[str, Header], wanted: str, dtype: str
) -> None:
    for name, right in expected.items():
        if found[name].shape != right.shape:
            raise UserError(
                f"inputs.file={file}: {name} is {found[name].shape}; {wanted} asks for {right.shape}"
            )
        if found[name].dtype != right.dtype:
            raise UserError(
                f"inputs.file={file}: {name} is {found[name].dtype}; {_wanted(found, right, dtype)}"
            )


def _wanted(found: Mapping[str, Header], right: Header, dtype: str) -> str:
    """Word which dtype a tensor must have, and which `dtype` would take the file as it is."""
    if right.dtype != dtype:
        return f"it must be {right.dtype}"
    floating = {header.dtype for header in found.values() if "float" in header.dtype}
    fits = f"; dtype={floating.pop()} would fit" if len(floating) == 1 else ""
    return f"dtype={dtype} asks for {right.dtype}{fits}"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
