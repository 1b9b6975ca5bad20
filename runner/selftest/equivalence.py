"""Whether a planted mistake is one: found by running it, on inputs of its own and without the judge."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.spec import DTypeName, Spec, case_of
from runner.errors import reason
from runner.formula.signature import Function
from runner.judge import manual, reference
from runner.selftest.live import used_otherwise
from runner.selftest.measure import Measured, call, differs, measure, observe, same_bits, slight, worse
from runner.selftest.mistake import Target
from runner.selftest.probes import ALL_DIGITS, REGIMES, poisoned, probes
from runner.selftest.second import second_derivative
from runner.selftest.settings import MOST_ELEMENTS, shapes

LowPrecision = tuple[str, Case, dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]
LOW: tuple[DTypeName, ...] = ("float32", "bfloat16", "float16")
LOW_REGIMES = ("normal", "wide", "large", "small", "offset")


@dataclass(frozen=True)
class Difference:
    """Where a planted derivation differs from the one that is right."""

    probe: str
    what: str
    accuracy: bool = False  # the same in float64, and less accurate in a lower precision
    raises: bool = False
    second: bool = False  # only where the derivation itself is differentiated


@dataclass
class Laboratory:
    """One derivation, with what it returns for each probe, so that every mistake is held against the same."""

    target: Target
    measured: dict[str, list[Measured]] = field(default_factory=dict)
    second: dict[str, Tensor] | None = None
    low: list[LowPrecision] = field(default_factory=list)

    def at(self, params: Mapping[str, Any]) -> list[Measured]:
        """Return the probes at given hyper-parameters; measured once."""
        key = repr(sorted(params.items()))
        if key not in self.measured:
            found = (measure(probe, self.target.derivation) for probe in probes(self.target, params))
            complete = self.target.complete
            self.measured[key] = [dataclasses.replace(one, complete=complete) for one in found if one]
        return self.measured[key]

    def difference(self, make: Callable[[], Function], params: Mapping[str, Any]) -> Difference | None:
        """Return the first probe that tells a planted derivation from the right one, or None."""
        function, kept, small = make(), [], None
        measured = self.at(params)
        for one in measured:
            found, what = observe(function, one)
            if what and found is not None and what == differs(found, one) and slight(found, one):
                small = small or Difference(one.probe.label, what, accuracy=True)
            elif what:
                return Difference(one.probe.label, what, raises=found is None)
            assert found is not None
            kept.append((found, {name: grad.clone() for name, grad in found.items()}))
            for earlier, as_it_was in kept[-4:]:
                if any(not same_bits(earlier[name], as_it_was[name]) for name in earlier):
                    return Difference(one.probe.label, "a later call changes an earlier result")
        ways = (self._repeated, self._in_the_same_memory, self._in_use)
        return small or next(filter(None, (way(make(), measured) for way in ways)), None)

    def _in_use(self, function: Function, measured: list[Measured]) -> Difference | None:
        """Use contexts as training does."""
        found = used_otherwise(function, *measured[:2]) if len(measured) > 1 else None
        return Difference(*found) if found else None

    def _repeated(self, function: Function, measured: list[Measured]) -> Difference | None:
        """Call twice with the same arguments, of few digits and of all: sums of few are always exact."""
        telling = [one.probe for one in measured if one.probe.label.startswith(ALL_DIGITS)]
        for probe in (*(one.probe for one in measured[:1]), *telling):
            values = probe.values()
            one, other = (call(function, values, probe.case.inputs) for _ in range(2))
            if any(not same_bits(one[name], other[name]) for name in one):
                return Difference("called twice", "two calls with the same arguments differ")
        return None

    def _in_the_same_memory(self, function: Function, measured: list[Measured]) -> Difference | None:
        """Call on one probe, then with the numbers of another in the same memory."""
        if len(measured) < 2:
            return None
        first, second = measured[:2]
        values = first.probe.values()
        one = call(function, values, first.probe.case.inputs)
        if one.keys() - second.gradients.keys():
            return None
        for name, value in second.probe.values().items():
            if isinstance(value, Tensor) and value.shape == values[name].shape:
                values[name].copy_(value)
        what = differs(call(function, values, second.probe.case.inputs), second)
        return Difference("called again in the same memory", what) if what else None

    def accuracy(self, make: Callable[[], Function]) -> Difference | None:
        """Compare errors in lower precision, for what float64 does not tell apart."""
        if not self.low:
            self.low.extend(low_precision(self.target))
        for label, case, right, truth, own in self.low:
            try:
                found = call(make(), case.values, case.inputs)
            except Exception as error:  # whatever a planted derivation raises is its result
                return Difference(label, f"raises {reason(error)}", accuracy=True)
            for name, grad in found.items():
                if what := worse(grad, right[name], truth[name], own[name]):
                    return Difference(label, f"{name}: {what}", accuracy=right[name].dtype == grad.dtype)
        return None

    def not_finite(self, make: Callable[[], Function]) -> Difference | None:
        """Send a NaN and an infinity backward, which a mistake may swallow; what is right sends them on."""
        own = self.at(self.target.spec.params)[:1]
        for label, probe in ((label, p) for one in own for label, p in poisoned(one.probe)):
            measured = measure(probe, self.target.derivation)
            _, what = observe(make(), measured) if measured else (None, "")
            if what:
                return Difference(label, what)
        return None

    def second_order(self, make: Callable[[], Function]) -> Difference | None:
        """Differentiate the planted derivation itself, as is done for a Hessian."""
        if self.second is None:
            self.second = second_derivative(self.target, self.target.function) or {}
        found = second_derivative(self.target, make()) or {}
        for name, right in self.second.items():
            error = (found[name] - right).abs().max() if name in found else torch.inf
            if not error <= 1e-8 * right.abs().max():
                return Difference("own inputs", f"the second derivative by {name} differs", second=True)
        return None


def low_precision(target: Target) -> Iterator[LowPrecision]:
    """Yield cases in the lower precisions; what the right derivation, float64 and autograd give there."""
    for label, spec, change in _low_points(target):
        try:
            case = case_of(spec)
            case = case.with_upstream({name: change(value) for name, value in case.upstream.items()})
            truth = manual.gradients(case.to("cpu", torch.float64), target.derivation)
            right, own = manual.gradients(case, target.derivation), reference.by_library(case, target.kind)
        except Exception:  # no kernel for this dtype, or no such inputs
            continue
        yield f"{spec.dtype}, {label}", case, right, truth, own


def _low_points(target: Target) -> Iterator[tuple[str, Spec, Callable[[Tensor], Tensor]]]:
    """Yield regimes, long sums of both signs and of one, and a loss scale."""
    spec = dataclasses.replace(target.spec, upstream="normal")
    longer = list(shapes(target.formula, spec.shape, spec.params, (1024,), MOST_ELEMENTS * 10))
    for dtype in LOW:
        for regime in LOW_REGIMES:
            there = dataclasses.replace(spec, dtype=dtype, inputs=REGIMES[regime])
            yield f"{regime} inputs", there, torch.clone
        normal = dataclasses.replace(spec, dtype=dtype, inputs=REGIMES["normal"])
        yield "a loss scale", normal, lambda upstream: 2.0**10 * upstream
        for shape in longer if target.kind.order == 1 and dtype in LOW[1:] else ():
            long = dataclasses.replace(normal, shape=shape)
            yield f"normal {shape}", long, torch.clone
            yield f"an upstream of one sign, {shape}", long, lambda upstream: 1 + upstream.abs()
