"""The page of one experiment: statement, dimensions, tensors and gradients, as in a notebook."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from torch import Tensor

from runner.case.case import Case
from runner.case.inputs import seeded
from runner.case.spec import Spec, case_of
from runner.compare import measure, mismatch
from runner.diagnose import say
from runner.errors import reason
from runner.formula import lookup
from runner.formula.derivation import Derivation
from runner.judge import manual, reference
from runner.record import spelled
from runner.report.signs import console

INDENT = 2
GAP = 2
LABEL = len("autograd") + GAP
PRECISION = 4


def show(spec: Spec) -> None:
    """Print the page; what a formula raises stands where its result would."""
    formula, out = lookup(spec.formula), console()
    out.rule(spec.experiment)
    _text(out, reflowed(formula.statement, out.width - INDENT))
    for heading, line in (("LaTeX", formula.latex), ("Source", formula.source)):
        if line:
            _text(out, f"{heading}: {line}")
    settings = {**spec.shape, **spec.params, "dtype": spec.dtype, "device": spec.device, "seed": spec.seed}
    _text(out, spelled(settings))
    with seeded(spec.seed):
        try:
            case = case_of(spec)
            _tensors(out, "inputs", case.inputs)
            _tensors(out, "outputs", {name: case.results[name] for name in formula.outputs})
            _tensors(out, "saved for the backward", {name: case.results[name] for name in formula.saved})
            _tensors(out, "upstream", {f"dL/d{name}": value for name, value in case.upstream.items()})
        except Exception as error:  # whatever a formula raises is its result
            _text(out, reason(error))
            return
        for name in spec.derivations:
            _derivation(out, case, formula.derivations[name])


def _derivation(out: Console, case: Case, derivation: Derivation) -> None:
    try:
        expected = reference.by_library(case, derivation.kind)
        actual = manual.gradients(case, derivation)
    except Exception as error:  # whatever a derivation raises is its result
        _tensors(out, derivation.name, {"failed": reason(error)})
        return
    out.print(derivation.name, style="bold")
    for wrt, value in actual.items():
        _compared(out, f"{derivation.kind.symbol}{wrt}", value, expected[wrt])


def _compared(out: Console, name: str, actual: Tensor, expected: Tensor) -> None:
    """Print two gradients beside each other, or where they are too wide for it, one below the other."""
    tensors, width = {"manual": actual, "autograd": expected}, out.width - INDENT
    blocks = {whose: Text(_printed(value, width - LABEL)) for whose, value in tensors.items()}
    both = Table.grid("", "", padding=(0, GAP, 0, 0))
    widest = max(len(line) for block in blocks.values() for line in block.plain.splitlines())
    fit = 2 * (max(widest, LABEL) + GAP) <= width
    for row in zip(*blocks.items(), strict=True) if fit else blocks.items():
        both.add_row(*row)
    _block(out, f"{name} {_size(actual)}")
    _block(out, both)
    _text(out, _difference(actual, expected))


def _difference(actual: Tensor, expected: Tensor) -> str:
    if differs := mismatch(actual, expected):
        return str(say("mismatch", **vars(differs)))
    errors = measure(actual, expected.double())
    if not errors.max_abs and not errors.nonfinite:
        return "no difference"
    numbers = f"{errors.at_worst:.9g} and {errors.reference_at_worst:.9g}"
    return f"largest difference {errors.max_abs:.3g}, at {list(errors.worst_index)}: {numbers}"


def _tensors(out: Console, heading: str, values: Mapping[str, Any]) -> None:
    if values:
        out.print(heading, style="bold")
    for name, value in values.items():
        size = f" {_size(value)}" if isinstance(value, Tensor) else ""
        _text(out, f"{name}{size} =\n{_printed(value, out.width - INDENT)}")


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _printed(value: Any, width: int) -> str:
    """Print a tensor's numbers without the constructor around them."""
    if not isinstance(value, Tensor):
        return str(value)
    if value.numel() == 1:
        return str(value.tolist())
    numbers = value.float() if value.dtype == torch.bfloat16 else value  # NumPy has none
    return np.array2string(numbers.numpy(force=True), width, PRECISION, separator=", ")


def reflowed(statement: str, width: int) -> str:
    """Let prose that is wider than the page run on, to be wrapped anew; indented lines, mathematics, stay."""
    if max(map(len, statement.splitlines()), default=0) <= width:
        return statement
    return re.sub(r"^(\S.*)\n(?=\S)", r"\1 ", statement, flags=re.MULTILINE)


def _text(out: Console, text: str) -> None:
    _block(out, text, below=1)


def _block(out: Console, block: RenderableType, below: int = 0) -> None:
    out.print(Padding(block, (0, 0, below, INDENT), expand=False), markup=False, highlight=False)
