"""What the right derivation returns, how far rounding may move it, and what differs from it by more."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.compare import identical_bits
from runner.errors import reason
from runner.formula.derivation import Derivation
from runner.formula.kind import GRADIENT
from runner.formula.signature import Function
from runner.judge import manual
from runner.selftest import state
from runner.selftest.probes import Probe, outcome

NOISE = 1e3  # times what the inputs' last bits do, and still the same result
ROUNDINGS = 16  # unit roundoffs of an error that nobody would call a loss of accuracy
CANCELS = 3e-7  # a smaller difference in float64 is a loss of digits; no planted formula differs by less


@dataclass(frozen=True)
class Measured:
    """What the right derivation returns for a probe, and how far rounding alone may move it."""

    probe: Probe
    gradients: Mapping[str, Tensor]
    slack: Mapping[str, float]
    complete: bool = True  # whether an input that is left out is a mistake

    def without(self, names: Collection[str]) -> "Measured":
        """Return the same for some of the inputs alone."""
        kept = {name: grad for name, grad in self.gradients.items() if name not in names}
        return replace(self, gradients=kept)


def measure(probe: Probe, derivation: Derivation) -> Measured | None:
    """Run the right derivation, and see how far the last bits of its arguments move it."""
    try:
        gradients = outcome(probe, derivation)
    except Exception:  # what the right derivation does not take says nothing about a wrong one
        return None
    upstream = max(map(_size, probe.case.upstream.values()))
    slack = {name: 1e-11 * _size(grad) + 1e-13 * upstream for name, grad in gradients.items()}
    generator = torch.Generator().manual_seed(0)

    def nudge(x: Tensor) -> Tensor:
        signs = torch.randint(-1, 2, x.shape, generator=generator).to(x)
        return torch.where(x.isfinite(), x * (1 + signs * torch.finfo(x.dtype).eps), x)

    for _ in range(2):
        case = probe.case.map(nudge)
        if probe.kink:
            case = Case(case.formula, probe.case.inputs, case.params, case.upstream)
        moved = manual.call(case, derivation, probe.values(case))
        for name, grad in moved.items():
            slack[name] += NOISE * _size(grad - gradients[name])
    return Measured(probe, gradients, slack)


def observe(function: Function, one: Measured) -> tuple[dict[str, Tensor] | None, str]:
    """Call a planted derivation; return what it gives, and what differs, in words."""
    values = one.probe.values()
    before = {n: v.clone() if isinstance(v, Tensor) else v for n, v in values.items()}
    with state.kept() as changed:
        try:
            found = call(function, values, one.probe.case.inputs)
        except Exception as error:  # whatever a planted derivation raises is its result
            return None, f"raises {reason(error)}"
        if left := changed():
            return found, f"{left} is left changed"
    for name, value in values.items():
        if isinstance(value, Tensor) and not same_bits(value, before[name]):
            return found, f"{name} is changed in place"
    return found, differs(found, one)


def call(function: Function, values: dict[str, Any], inputs: Iterable[str]) -> dict[str, Tensor]:
    """Call a derivation, right or planted, with what it asks for; `inputs` are the names of the rest."""
    planted = as_derivation(function)
    return result(planted, planted.bound(values, inputs))


def as_derivation(function: Function) -> Derivation:
    """Return what binds a planted function's arguments, and reads what it returns."""
    return Derivation("planted", GRADIENT, function, "planted")


def result(planted: Derivation, bound: Callable[[], Any]) -> dict[str, Tensor]:
    """Call what a planted derivation has bound."""
    with torch.no_grad():
        return planted.by_name(bound())


def differs(found: Mapping[str, Tensor], one: Measured) -> str:
    """Say what differs from the right gradients by more than rounding, or nothing."""
    left_out = one.gradients.keys() - found.keys()
    if found.keys() - one.gradients.keys() or (left_out and (one.complete or not found)):
        return f"gives {', '.join(found) or 'nothing'}, not {', '.join(one.gradients)}"
    for name, grad in found.items():
        right = one.gradients[name]
        for what in ("shape", "dtype", "device"):
            if getattr(grad, what) != getattr(right, what):
                return f"{name}: the {what} is {getattr(grad, what)}, not {getattr(right, what)}"
        error = torch.where(grad == right, torch.zeros_like(right), (grad - right).abs())
        error = error[~(grad.isnan() & right.isnan())]
        largest = float(error.amax()) if error.numel() else 0.0
        if not largest <= one.slack[name]:
            return f"{name}: differs by {largest:.3g}"
    return ""


def slight(found: Mapping[str, Tensor], one: Measured) -> bool:
    """Tell whether the numbers differ, and by so little that it is a loss of digits."""
    return all(
        name in found
        and found[name].shape == right.shape
        and found[name].dtype == right.dtype
        and found[name].device == right.device
        and torch.equal(found[name].isfinite(), right.isfinite())
        and _error(found[name], right) <= CANCELS * _size(right)
        for name, right in one.gradients.items()
    )


def worse(grad: Tensor, right: Tensor, truth: Tensor, own: Tensor) -> str:
    """Say how much accuracy is lost beside the right derivation in the same precision, or nothing.

    What is as accurate as `own`, what autograd itself gives, is less accurate and no mistake.
    """
    if grad.dtype != right.dtype:
        return f"the dtype is {grad.dtype}, not {right.dtype}"
    if grad.shape != right.shape:
        return f"the shape is {tuple(grad.shape)}, not {tuple(right.shape)}"
    u = torch.finfo(grad.dtype).eps / 2
    unit = u * _size(truth) + torch.finfo(grad.dtype).smallest_normal
    mine, its, autograds = (_error(value, truth) / unit if unit else 0.0 for value in (grad, right, own))
    excused = 4 * max(its, autograds if math.isfinite(autograds) else 0.0)
    if not math.isfinite(its) or (math.isfinite(mine) and mine <= ROUNDINGS + excused):
        return ""
    return f"error of {mine:.3g} unit roundoffs, where {its:.3g} is right"


def _error(grad: Tensor, truth: Tensor) -> float:
    error = (grad.double() - truth).abs()
    error = error[truth.isfinite()]
    return float(error.amax()) if error.numel() else 0.0


def _size(x: Tensor) -> float:
    finite = x[x.isfinite()]
    return float(finite.abs().amax()) if finite.numel() else 0.0


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors hold the same bits; on the meta device nothing is held."""
    return one.device == other.device if one.device.type == "meta" else identical_bits(one, other)
