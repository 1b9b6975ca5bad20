"""The page of one experiment: statement, dimensions, tensors and gradients, as in a notebook."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from torch import Tensor

from runner.case.case import Case
from runner.case.inputs import seeded
from runner.case.spec import Spec, case_of
from runner.compare import max_abs_error
from runner.errors import reason
from runner.formula import lookup
from runner.formula.derivation import Derivation
from runner.judge import manual, reference
from runner.record import spelled
from runner.report.table import console


def show(spec: Spec) -> None:
    """Print the page; what a formula raises stands where its result would."""
    formula, out = lookup(spec.formula), console()
    out.rule(spec.experiment)
    _text(out, formula.statement)
    if formula.source:
        _text(out, f"Source: {formula.source}")
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
        by_input = manual.gradients(case, derivation)
    except Exception as error:  # whatever a derivation raises is its result
        _tensors(out, derivation.name, {"failed": reason(error)})
        return
    symbol = derivation.kind.symbol
    _tensors(out, derivation.name, {f"{symbol}{wrt}": value for wrt, value in by_input.items()})
    _text(out, "\n".join(_error(wrt, value, expected[wrt]) for wrt, value in by_input.items()))


def _error(wrt: str, found: Tensor, expected: Tensor) -> str:
    if found.shape != expected.shape:
        return f"{wrt}: autograd's has shape {tuple(expected.shape)}"
    return f"{wrt}: max |manual - autograd| = {max_abs_error(found, expected):.3g}"


def _tensors(out: Console, heading: str, values: Mapping[str, Any]) -> None:
    if values:
        out.print(f"[bold]{heading}[/]")
    for name, value in values.items():
        size = f" {'x'.join(map(str, value.shape)) or 'scalar'}" if isinstance(value, Tensor) else ""
        _text(out, f"{name}{size} =\n{_printed(value)}")


def _printed(value: Any) -> str:
    """Print a tensor's numbers without the constructor around them."""
    return str(value.tolist()) if isinstance(value, Tensor) and value.numel() == 1 else str(value)


def _text(out: Console, text: str) -> None:
    out.print(Padding(text, (0, 0, 1, 2), expand=False), markup=False, highlight=False)
